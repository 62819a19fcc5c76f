"""Registries of clouds: Amazon's by AWS credentials, Google's by an access token.

The registries are real ones that take the cloud's login, at the cloud's name by a setting. Behind ECR's API is moto; where
the end of a token matters, a server of the test's own that answers like it. Google's tool is a script.
"""

import base64
import json
import shutil
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import pytest
from moto.server import ThreadedMotoServer

from conftest import lacking
from support.registry import Registry

ACCOUNT, REGION = "123456789012", "eu-west-1"
ECR = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
TOKEN = f"{ACCOUNT}-auth-token"
SECRET_KEY = "secret-key-77aa"
GOOGLE = "europe-west1-docker.pkg.dev"
GOOGLE_TOKEN = "ya29.token-41c7"
NO_ENGINE = {"DOCKER_HOST": "unix:///nowhere.sock"}
NOBODY = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_PROFILE": None, "AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}
SOMEBODY = NOBODY | {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": SECRET_KEY}


def registry_of(folder, user, password):
    if not shutil.which("docker-registry"):
        lacking("docker-registry is missing: run tests/setup.sh")
    return Registry(folder, login=True, user=user, password=password)


def suite_for(suite, registry, name):
    """A suite whose images go to a registry that is called by the cloud's name for it."""
    registry.base()
    suite.settings(
        f'[platform.aws]\nrepository = "{name}/functions"\n'
        f'[platform.aws.base-images]\n"python-3.11-x64" = "{name}/base:1"\n'
        f'[registry.addresses]\n"{name}" = "http://{registry.host}"\n'
    )
    suite.benchmark(files={"python/requirements.txt": "six==1.16.0\n"})
    return suite


def push(fnpack, suite, *args, env=None, **run):
    return fnpack.python(suite, "--deployment", "container", "--push", *args, env=NO_ENGINE | NOBODY | (env or {}), **run)


def assert_told_nowhere(fnpack, run, registry, *secrets):
    """A secret is in no output, no file of the cache or the artifacts, and no manifest or configuration."""
    assert not [secret for secret in secrets if secret in run.said]
    wanted = [form for secret in secrets for form in (secret.encode(), base64.b64encode(secret.encode()).rstrip(b"="))]
    folders = [fnpack.cache, fnpack.out, registry.storage]
    for file in (file for folder in folders for file in folder.rglob("*") if file.is_file()):
        data = file.read_bytes()
        assert not [form for form in wanted if form in data], file


@pytest.fixture(scope="module")
def moto():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


class TestEcr:
    @pytest.fixture
    def account(self, moto):
        """ECR's API in its first state, as the test itself asks it."""
        client = boto3.client("ecr", endpoint_url=moto, region_name=REGION, aws_access_key_id="a", aws_secret_access_key="b")
        for repository in client.describe_repositories()["repositories"]:
            client.delete_repository(repositoryName=repository["repositoryName"], force=True)
        return client

    @pytest.fixture
    def registry(self, tmp_path):
        registry = registry_of(tmp_path / "registry", "AWS", TOKEN)
        yield registry
        registry.stop()

    @pytest.fixture
    def images(self, suite, registry):
        return suite_for(suite, registry, ECR)

    @staticmethod
    def names(account) -> list[str]:
        return [repository["repositoryName"] for repository in account.describe_repositories()["repositories"]]

    def test_a_missing_repository_is_made_and_the_image_pushed(self, fnpack, images, registry, moto, account):
        env = SOMEBODY | {"AWS_ENDPOINT_URL": moto}
        run = push(fnpack, images, env=env).status_is("built")
        assert self.names(account) == ["functions"]
        image = run.target["image"]
        assert image["name"].startswith(f"{ECR}/functions:")
        assert registry.has_tag("functions", image["name"].rsplit(":", 1)[1])
        push(fnpack, images, env=env).status_is("cached")
        assert_told_nowhere(fnpack, run, registry, TOKEN, SECRET_KEY)

    def test_a_repository_that_is_there_is_taken(self, fnpack, images, registry, moto, account):
        account.create_repository(repositoryName="functions")
        push(fnpack, images, env=SOMEBODY | {"AWS_ENDPOINT_URL_ECR": moto}).status_is("built")
        assert self.names(account) == ["functions"]

    def test_of_two_that_make_it_at_once_both_push(self, fnpack, images, registry, moto, account):
        suites = [images, images.copy(images.root.parent / "other")]
        commands = [fnpack, fnpack.elsewhere("other")]
        env = SOMEBODY | {"AWS_ENDPOINT_URL": moto}
        runs = [None, None]

        def one(number):
            runs[number] = push(commands[number], suites[number], "--registry", f"{ECR}/shared/deep", "--overwrite", env=env)

        threads = [threading.Thread(target=one, args=(number,)) for number in range(2)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        assert runs[0].status_is("built").target["image"] == runs[1].status_is("built").target["image"]
        assert self.names(account) == ["shared/deep"]

    def test_a_repository_that_another_makes_meanwhile_is_taken(self, fnpack, images, api):
        api.made_meanwhile = True
        push(fnpack, images, env=SOMEBODY | {"AWS_ENDPOINT_URL": api.url}).status_is("built")
        assert "CreateRepository" in api.calls

    def test_without_credentials_it_says_how_to_get_some(self, fnpack, images, moto):
        run = push(fnpack, images, env={"AWS_ENDPOINT_URL": moto}, status=1)
        run.says(ECR, "no AWS credentials", "AWS_ACCESS_KEY_ID", "aws sso login")

    def test_without_credentials_a_login_of_docker_does(self, fnpack, images, registry, moto, tmp_path):
        (tmp_path / "docker").mkdir()
        auth = base64.b64encode(f"AWS:{TOKEN}".encode()).decode()
        (tmp_path / "docker/config.json").write_text(json.dumps({"auths": {ECR: {"auth": auth}}}))
        push(fnpack, images, env={"DOCKER_CONFIG": str(tmp_path / "docker"), "AWS_ENDPOINT_URL": moto}).status_is("built")

    def test_credentials_that_aws_refuses_are_told_in_its_words(self, fnpack, images, api):
        api.refusal = (400, "ExpiredTokenException", "The security token included in the request is expired")
        run = push(fnpack, images, env=SOMEBODY | {"AWS_ENDPOINT_URL": api.url}, status=1)
        run.says(ECR, "ExpiredTokenException", "security token included in the request is expired")
        assert SECRET_KEY not in run.said

    def test_a_repository_that_may_not_be_made_is_told_in_awss_words(self, fnpack, images, api):
        api.refused_to_create = True
        run = push(fnpack, images, env=SOMEBODY | {"AWS_ENDPOINT_URL": api.url}, status=1)
        run.says(f"{ECR}/functions", "cannot be created", "AccessDeniedException", "not authorized to perform")

    def test_certificates_that_are_none_are_told(self, fnpack, images, tmp_path):
        (tmp_path / "bundle.pem").write_text("-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n")
        images.settings((images.root / "fnpack.toml").read_text() + f'[docker]\nca-bundle = "{tmp_path}/bundle.pem"\n')
        push(fnpack, images, env=SOMEBODY, status=1).says("bundle.pem")

    def test_the_api_cannot_be_reached(self, fnpack, images):
        push(fnpack, images, env=SOMEBODY | {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, status=1).says(ECR, "refused")

    @pytest.fixture
    def api(self):
        api = Api()
        yield api
        api.close()

    def test_a_token_that_lasts_is_asked_for_once(self, fnpack, images, api):
        push(fnpack, images, env=SOMEBODY | {"AWS_ENDPOINT_URL": api.url}).status_is("built")
        assert api.calls.count("GetAuthorizationToken") == 1

    def test_a_token_is_renewed_before_it_ends(self, fnpack, images, api):
        """Five minutes before: here that is a second after it was asked for, while a script of the second benchmark runs."""
        api.life = 301
        images.benchmark("020.other", files={"python/package.sh": "sleep 3\n"})
        fnpack.build(images, "--language", "python", "--language-version", "3.11", "--deployment", "container", "--push", "--jobs", "1",
                     env=NO_ENGINE | SOMEBODY | {"AWS_ENDPOINT_URL": api.url})
        assert api.calls.count("GetAuthorizationToken") == 2

    def test_what_is_there_is_not_prepared_again(self, fnpack, images, api):
        env = SOMEBODY | {"AWS_ENDPOINT_URL": api.url}
        push(fnpack, images, env=env)
        api.calls.clear()
        push(fnpack, images, env=env).status_is("cached")
        assert api.calls == ["GetAuthorizationToken"]


class Api:
    """ECR's API, as far as a push needs it."""

    def __init__(self):
        self.calls, self.repositories = [], set()
        self.life, self.refusal, self.refused_to_create, self.made_meanwhile = 12 * 3600, None, False, False
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                call = self.headers["X-Amz-Target"].rsplit(".", 1)[1]
                api.calls.append(call)
                status, answer = api.answer(call, body)
                data = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/x-amz-json-1.1")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, call: str, body: dict) -> tuple[int, dict]:
        if self.refusal:
            status, kind, message = self.refusal
            return status, {"__type": kind, "message": message}
        match call:
            case "GetAuthorizationToken":
                token = base64.b64encode(f"AWS:{TOKEN}".encode()).decode()
                return 200, {"authorizationData": [{"authorizationToken": token, "expiresAt": time.time() + self.life}]}
            case "DescribeRepositories":
                assert body["registryId"] == ACCOUNT
                if set(body["repositoryNames"]) <= self.repositories:
                    return 200, {"repositories": []}
                return 400, {"__type": "RepositoryNotFoundException", "message": "it is not there"}
            case "CreateRepository" if self.refused_to_create:
                return 400, {"__type": "AccessDeniedException", "message": "User is not authorized to perform: ecr:CreateRepository"}
            case "CreateRepository" if self.made_meanwhile:
                return 400, {"__type": "RepositoryAlreadyExistsException", "message": "it is there"}
            case "CreateRepository":
                self.repositories.add(body["repositoryName"])
                return 200, {"repository": {"repositoryName": body["repositoryName"]}}

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class TestGoogle:
    @pytest.fixture
    def registry(self, tmp_path):
        registry = registry_of(tmp_path / "registry", "oauth2accesstoken", GOOGLE_TOKEN)
        yield registry
        registry.stop()

    @pytest.fixture
    def images(self, suite, registry):
        return suite_for(suite, registry, GOOGLE)

    @pytest.mark.parametrize("variable", ["CLOUDSDK_AUTH_ACCESS_TOKEN", "GOOGLE_OAUTH_ACCESS_TOKEN"])
    def test_a_token_of_the_environment_logs_in(self, variable, fnpack, images, registry):
        run = push(fnpack, images, "--registry", f"{GOOGLE}/project/functions", env={variable: GOOGLE_TOKEN})
        assert run.status_is("built").target["image"]["name"].startswith(f"{GOOGLE}/project/functions:")
        assert_told_nowhere(fnpack, run, registry, GOOGLE_TOKEN)

    @pytest.fixture
    def with_tool(self, tmp_path, fnpack):
        """The environment with a gcloud that does as the text says."""
        def environment(text: str) -> dict:
            tool = tmp_path / "tools/gcloud"
            tool.parent.mkdir(exist_ok=True)
            tool.write_text(f"#!/bin/sh\n{text}\n")
            tool.chmod(0o755)
            return {"PATH": f"{tool.parent}:{fnpack.environment()['PATH']}"}
        return environment

    def test_googles_tool_is_asked(self, fnpack, images, with_tool):
        env = with_tool(f'[ "$*" = "auth print-access-token" ] && echo {GOOGLE_TOKEN}')
        run = push(fnpack, images, env=env).status_is("built")
        assert GOOGLE_TOKEN not in run.said

    def test_a_tool_that_knows_nobody_is_told(self, fnpack, images, with_tool):
        env = with_tool("echo 'You do not currently have an active account selected.' >&2; exit 1")
        push(fnpack, images, env=env, status=1).says(GOOGLE, "gcloud auth print-access-token", "active account selected")

    def test_a_registry_that_asks_for_nobody_needs_no_tool(self, fnpack, images, with_tool, tmp_path):
        open_one = Registry(tmp_path / "open")
        try:
            suite_for(images, open_one, GOOGLE)
            push(fnpack, images, env=with_tool("exit 1")).status_is("built")
        finally:
            open_one.stop()

    def test_without_any_login_the_registry_is_named(self, fnpack, images):
        push(fnpack, images, status=1).says(GOOGLE, "login")
