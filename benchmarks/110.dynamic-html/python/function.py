import datetime
import os
import random
import time

from jinja2 import Environment, FileSystemLoader

TEMPLATES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "templates")
LARGEST = 1_000_000


def handler(event):
    """Renders a page that greets `username` and lists `random_len` numbers."""
    began = time.perf_counter_ns()
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True)
    page = environment.get_template("page.html").render(
        username=event["username"],
        time=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        numbers=random.sample(range(LARGEST), event["random_len"]),
    )
    return {"result": page, "measurement": {"compute_time": (time.perf_counter_ns() - began) // 1000}}
