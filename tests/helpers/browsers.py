"""A real browser for the panels that are served to one."""

import asyncio
import base64
import json
import subprocess
import urllib.request

from processes import environment, wait_until


class Browser:
    """A real browser without a screen, driven by its own protocol for developers."""

    def __init__(self, folder):
        self.folder = folder
        self.loop = asyncio.new_event_loop()
        self.process = subprocess.Popen(
            ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
             "--disable-background-networking", "--disable-sync", "--disable-component-update",
             "--hide-scrollbars", "--window-size=1500,1000", "--remote-debugging-port=0",
             "--user-data-dir=" + str(folder / "browser"), "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment())
        port = wait_until(self._port)
        page = wait_until(lambda: [one for one in json.loads(urllib.request.urlopen(
            f"http://127.0.0.1:{port}/json/list", timeout=300).read().decode())
            if one["type"] == "page"])[0]
        asyncio.set_event_loop(self.loop)
        from tornado.websocket import websocket_connect
        self.socket = self.wait(websocket_connect(page["webSocketDebuggerUrl"],
                                                  max_message_size=10 ** 8))
        self.count = 0

    def _port(self):
        try:
            return (self.folder / "browser" / "DevToolsActivePort").read_text().split()[0]
        except (OSError, IndexError):
            return None

    def wait(self, future):
        async def within_minutes():
            return await asyncio.wait_for(future, 300)

        return self.loop.run_until_complete(within_minutes())

    def do(self, method, **parameters):
        self.count += 1
        self.wait(self.socket.write_message(json.dumps(
            {"id": self.count, "method": method, "params": parameters})))
        while True:
            answer = json.loads(self.wait(self.socket.read_message()))
            if answer.get("id") == self.count:
                return answer.get("result")

    def open(self, url):
        self.do("Page.navigate", url=url)

    def picture(self):
        from matplotlib.image import imread
        path = self.folder / "page.png"
        # There is none while the browser goes to another page.
        answer = wait_until(lambda: self.do("Page.captureScreenshot"))
        path.write_bytes(base64.b64decode(answer["data"]))
        return imread(str(path))[..., :3]

    def press(self, key):
        """Presses a key where the mouse is: in the middle of the panels."""
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            self.do("Input.dispatchMouseEvent", type=kind, x=600, y=400, button="left",
                    clickCount=1)
        code = 27 if key == "Escape" else ord(key.upper())
        for kind in ("keyDown", "keyUp"):
            self.do("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code,
                    **({} if key == "Escape" else {"text": key}))

    def close(self):
        self.socket.close()
        self.process.terminate()
        self.process.wait()
        self.loop.close()
