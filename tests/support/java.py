"""Java functions, and the servers that run them as the platforms do."""

import json
import os
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

from .places import PROJECT, TOOLS
from .processes import wait_for
from .suite import Benchmark, Suite

MARKER = "<!-- PLATFORM_DEPENDENCIES -->"
POM = f"""\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>function</groupId>
  <artifactId>hello</artifactId>
  <version>1</version>
  <dependencies>
    {MARKER}
  </dependencies>
  <build>
    <finalName>function</finalName>
    <plugins>
      <plugin>
        <artifactId>maven-shade-plugin</artifactId>
        <version>3.6.2</version>
        <executions><execution><phase>package</phase><goals><goal>shade</goal></goals></execution></executions>
      </plugin>
    </plugins>
  </build>
</project>
"""
FUNCTION = "java/src/main/java/function/Function.java"
SOURCE = """\
package function;

import java.util.Map;

public class Function {
    public static Map<String, Object> handler(Map<String, Object> event) throws Exception {
        if (event.containsKey("fail")) {
            throw new IllegalStateException((String) event.get("fail"));
        }
        return Map.of("hello", event.getOrDefault("name", "world"), "event", event);
    }
}
"""


def hello(suite: Suite, name: str = "010.hello", files: dict | None = None, pom: str = POM, source: str = SOURCE) -> Benchmark:
    """A benchmark with a function in Java."""
    own = {"java/pom.xml": pom, FUNCTION: source}
    return suite.benchmark(name, config={"languages": ["java"]}, files=own | (files or {}))


class JavaServer:
    """A Java program that serves HTTP on a free loopback port."""

    def __init__(self, log: Path, *command: str | Path, **environment: str):
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            port = found.getsockname()[1]
        self._address = f"http://127.0.0.1:{port}"
        self._log = log
        with open(log, "wb") as output:
            self._process = subprocess.Popen(
                [str(word).replace("PORT", str(port)) for word in command],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
                env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **environment},
            )

        def answers():
            with socket.socket() as tried:
                return tried.connect_ex(("127.0.0.1", port)) == 0 or self._process.poll() is not None

        try:
            wait_for(answers, 60, f"an answer of {command[0]}")
            assert self._process.poll() is None, self.output()
        except BaseException:
            self.close()
            raise

    def output(self) -> str:
        return self._log.read_text(errors="replace")

    def post(self, body: object, path: str = "/", headers: dict | None = None) -> tuple[int, object]:
        """The status and the JSON of the answer to a request."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {"Content-Type": "application/json"} | (headers or {})
        request = urllib.request.Request(self._address + path, data=data, headers=given, method="POST")
        try:
            answer = urllib.request.urlopen(request, timeout=60)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            text = answer.read().decode()
            assert text, f"no answer\n{self.output()}"
            return answer.status, json.loads(text)

    def close(self):
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def google(jar: Path, log: Path, **environment: str) -> JavaServer:
    """A program run by Google's Functions Framework, as its buildpacks start it."""
    [framework] = (TOOLS / "runtime-java/gcp").glob("java-function-invoker-*.jar")
    target = "org.serverlessbench.Handler"
    return JavaServer(
        log, "java", "-jar", framework, "--classpath", jar, "--target", target, "--port", "PORT", **environment
    )


def openwhisk(log: Path, **environment: str) -> JavaServer:
    """A stand-in for OpenWhisk's runtime, yet without an action: runtimes/java-openwhisk/Proxy.java."""
    proxy = PROJECT / "tests/runtimes/java-openwhisk/Proxy.java"
    libraries = f"{TOOLS / 'runtime-java/openwhisk'}/*"
    return JavaServer(log, "java", "-cp", libraries, proxy, "PORT", **environment)
