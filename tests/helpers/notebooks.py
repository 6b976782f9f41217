"""Notebooks as a user has them: cells in a real kernel, and what they show."""

import base64
import io
import os
import sys

from processes import environment, module


def execute(folder, *sources, during=None, **variables):
    """Executes cells in a kernel that is started in a folder.

    Returns the cells with their outputs, and all messages, each with the number of its cell.
    during(client, message, number) is called for each message; variables are for the environment.
    """
    nbclient, nbformat = module("nbclient"), module("nbformat")
    module("ipykernel")
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(s) for s in sources])
    client = nbclient.NotebookClient(book, timeout=300, kernel_name="python3",
                                     resources={"metadata": {"path": str(folder)}})
    seen = []
    process = client.process_message
    client.process_message = lambda message, cell, index: (
        seen.append((index, message)), during and during(client, message, index),
        process(message, cell, index))[-1]
    # The kernel is this Python, whatever the user's Jupyter would start.
    from jupyter_client.kernelspec import KernelSpecManager
    KernelSpecManager.ensure_native_kernel = True
    # The programs beside it are found first, as where its environment is active.
    path = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]
    old = dict(os.environ)
    os.environ.clear()
    os.environ.update(environment(PATH=path, JUPYTER_PATH="", **variables),
                      IPYTHONDIR=str(folder / "ipython"))
    try:
        client.execute()
    finally:
        os.environ.clear()
        os.environ.update(old)
    return book.cells, seen


def pictures(cell):
    """The pictures that a cell shows, as pixels [height, width, 3] from 0 to 1."""
    from matplotlib.image import imread
    return [imread(io.BytesIO(base64.b64decode(output["data"]["image/png"])))[..., :3]
            for output in cell.outputs if "image/png" in output.get("data", {})]


def text_of(cell, name):
    """What a cell has printed to stdout or to stderr."""
    return "".join(output.text for output in cell.outputs
                   if output.output_type == "stream" and output.name == name)


def errors(cells):
    return [output for cell in cells for output in cell.outputs if output.output_type == "error"]
