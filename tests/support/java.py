"""Java functions, and the servers that run them as the platforms do."""

import json
import os
import urllib.error
import urllib.request
from pathlib import Path

from .places import PROJECT, TOOLS
from .servers import Server, free_port
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


class JavaServer(Server):
    """A Java program that serves HTTP on a free loopback port."""

    def __init__(self, log: Path, *command: str | Path, **environment: str):
        port = free_port()
        command = [str(word).replace("PORT", str(port)) for word in command]
        variables = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
        super().__init__(command, port, log, env=variables | environment)

    def post(self, body: object, path: str = "/", headers: dict | None = None) -> tuple[int, object]:
        """The status and the JSON of the answer to a request."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {"Content-Type": "application/json"} | (headers or {})
        request = urllib.request.Request(f"http://{self.address}{path}", data=data, headers=given, method="POST")
        try:
            answer = urllib.request.urlopen(request, timeout=60)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            text = answer.read().decode()
            assert text, f"no answer\n{self.output()}"
            return answer.status, json.loads(text)


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


def azure(app: Path, log: Path, **environment: str) -> JavaServer:
    """A function app, run by a small host that follows its function.json: runtimes/java-azure/Host.java."""
    described = json.loads((app / "handler/function.json").read_text())
    [trigger] = [binding for binding in described["bindings"] if binding["type"] == "httpTrigger"]
    jar = (app / "handler" / described["scriptFile"]).resolve()
    libraries = f"{TOOLS / 'runtime-java/azure'}/*"
    host = PROJECT / "tests/runtimes/java-azure/Host.java"
    return JavaServer(
        log, "java", "-cp", libraries, host, "PORT", jar, described["entryPoint"], trigger["name"], **environment
    )
