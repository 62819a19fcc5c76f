import time


def handler(event):
    """Waits for `sleep` seconds."""
    seconds = event["sleep"]
    began = time.perf_counter_ns()
    time.sleep(seconds)
    slept = (time.perf_counter_ns() - began) // 1000
    return {"result": seconds, "measurement": {"sleep_time": slept}}
