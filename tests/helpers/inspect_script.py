"""Builds the graph of a script and prints what is in it as JSON: python inspect_script.py SCRIPT.

Instead of the training, the loss, softmax and accuracy are computed for random weights.
"""

import json
import os
import runpy
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, os.pardir))
import tensorflowvisu

tf = tensorflowvisu.tf


def inspect(self, compute_step, *arguments, **options):
    names = compute_step.__globals__
    sess = names["sess"]
    random = np.random.RandomState(3)
    images = names["mnist"].test.images[:50]
    labels = names["mnist"].test.labels[:50]
    feed = {names["X"]: images, names["Y_"]: labels}
    if "pkeep" in names:
        feed[names["pkeep"]] = 1.0
    if "tst" in names:
        feed[names["tst"]] = True
    variables = tf.trainable_variables()
    initial = [value.tolist() if value.size < 1000 else
               [float(value.mean()), float(value.std()), float(abs(value).max())]
               for value in sess.run(variables)]
    for variable in variables:
        variable.load(random.randn(*variable.shape.as_list()) * 0.1, sess)
    y, loss, accuracy = sess.run([names["Y"], names["cross_entropy"], names["accuracy"]], feed)
    rates = None
    if isinstance(names["lr"], tf.Tensor):
        rates = [float(sess.run(names["lr"], {names["step"]: i})) for i in (0, 2000, 10000)]
    dropped = None
    if "pkeep" in names:
        # The first layer that has dropout; of the recurrent network it is the last state.
        name = [name for name in ("Y1", "Y4", "H") if name + "d" in names][0]
        kept = sess.run([names[name], names[name + "d"]], {**feed, names["pkeep"]: 0.75})
        dropped = [value.ravel().tolist() for value in kept]
    print("inspected " + json.dumps({
        "tensors": {name: [-1 if size is None else size for size in value.shape.as_list()]
                    for name, value in names.items()
                    if isinstance(value, (tf.Tensor, tf.Variable)) and value.shape.ndims},
        "placeholders": [name for name, value in names.items()
                         if isinstance(value, tf.Tensor) and value.op.type == "Placeholder"],
        "parameters": int(sum(np.prod(variable.shape.as_list()) for variable in variables)),
        "initial": initial, "rates": rates, "dropped": dropped, "loss": float(loss),
        "accuracy": float(accuracy), "probabilities": y.tolist(), "labels": labels.tolist(),
        "images": images.reshape([50, 784]).tolist(),
        "values": ([value.tolist() for value in sess.run(variables)] if len(variables) == 2
                   else None),
        "names": [name for name, value in names.items() if isinstance(value, tf.Variable)],
    }))


tensorflowvisu.MnistDataVis.animate = inspect
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
