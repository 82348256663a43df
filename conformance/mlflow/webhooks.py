"""Webhooks through MLflow's client: made, changed, tested, delivered and verified as MLflow's documentation says."""

import base64
import hashlib
import hmac
import http.server
import json
import queue
import sys
import threading

import checks
import mlflow
from mlflow.entities.webhook import WebhookStatus
from mlflow.exceptions import MlflowException
from mlflow.webhooks import WEBHOOK_SIGNATURE_HEADER

client = mlflow.MlflowClient()
heard = queue.Queue()


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        heard.put((self.headers, self.rfile.read(int(self.headers["content-length"])).decode()))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"heard")

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/hook"


def verified(secret):
    headers, body = heard.get(timeout=20)
    signed = f"{headers['X-MLflow-Delivery-Id']}.{headers['X-MLflow-Timestamp']}.{body}"
    expected = "v1," + base64.b64encode(hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest()).decode()
    assert hmac.compare_digest(headers[WEBHOOK_SIGNATURE_HEADER], expected)
    return json.loads(body)


def refused(code, work):
    try:
        work()
    except MlflowException as error:
        assert error.error_code == code, error
        return
    raise AssertionError(f"expected {code}, but it was done")


def check_life():
    """webhooks are made, read, listed, changed and deleted"""
    made = client.create_webhook(name="ci", url=url, events=["model_version.created", "registered_model.created"], description="d", secret="s")
    assert made.status == WebhookStatus.ACTIVE and {str(e) for e in made.events} == {"model_version.created", "registered_model.created"} and made.secret is None
    assert client.get_webhook(made.webhook_id).description == "d"
    changed = client.update_webhook(made.webhook_id, name="ci2", status=WebhookStatus.DISABLED, events=["prompt.created"])
    assert changed.name == "ci2" and changed.status == WebhookStatus.DISABLED and [str(e) for e in changed.events] == ["prompt.created"]
    for i in range(3):
        client.create_webhook(name=f"many-{i}", url=url, events=["prompt.created"], status="DISABLED")
    page = client.list_webhooks(max_results=2)
    rest = client.list_webhooks(max_results=10, page_token=page.token)
    assert len(page) == 2 and len(rest) == 2 and not rest.token
    for hook in [*page, *rest]:
        client.delete_webhook(hook.webhook_id)
    assert list(client.list_webhooks()) == []
    refused("RESOURCE_DOES_NOT_EXIST", lambda: client.get_webhook(made.webhook_id))
    refused("INVALID_PARAMETER_VALUE", lambda: client.create_webhook(name="bad name!", url=url, events=["prompt.created"]))


def check_deliveries():
    """what happens in the registry is delivered, signed"""
    hook = client.create_webhook(name="all", url=url, secret="hush", events=[
        "registered_model.created", "model_version.created", "model_version_tag.set", "model_version_tag.deleted", "model_version_alias.created", "model_version_alias.deleted", "prompt.created",
        "prompt_version.created", "prompt_alias.created",
    ])
    client.create_registered_model("m", tags={"a": "1"}, description="words")
    with mlflow.start_run() as run:
        mlflow.log_text("x", "model/MLmodel")
    client.create_model_version("m", f"{run.info.artifact_uri}/model", run.info.run_id, tags={"t": "u"})
    client.set_model_version_tag("m", "1", "k", "v")
    client.delete_model_version_tag("m", "1", "k")
    client.set_registered_model_alias("m", "champion", "1")
    client.delete_registered_model_alias("m", "champion")
    mlflow.genai.register_prompt(name="p", template="Hello {{x}}")
    mlflow.genai.set_prompt_alias("p", "live", 1)
    seen = {}
    while len(seen) < 9:
        body = verified("hush")
        seen.setdefault(f"{body['entity']}.{body['action']}", body["data"])
    assert seen["registered_model.created"] == {"name": "m", "tags": {"a": "1"}, "description": "words"}, seen
    version = seen["model_version.created"]
    assert version["version"] == "1" and version["run_id"] == run.info.run_id and version["tags"] == {"t": "u"} and version["source"].endswith("/model"), version
    assert seen["model_version_tag.set"] == {"name": "m", "version": "1", "key": "k", "value": "v"}
    assert seen["model_version_alias.created"] == {"name": "m", "alias": "champion", "version": "1"} and seen["model_version_alias.deleted"] == {"name": "m", "alias": "champion"}
    assert seen["prompt_version.created"]["template"] == "Hello {{x}}" and seen["prompt_alias.created"]["alias"] == "live", seen
    client.delete_webhook(hook.webhook_id)


def check_test():
    """a test sends an example"""
    hook = client.create_webhook(name="tested", url=url, events=["model_version_alias.created"], secret="t")
    result = client.test_webhook(hook.webhook_id)
    assert result.success and result.response_status == 200 and result.response_body == "heard"
    assert verified("t")["data"] == {"name": "example_model", "alias": "example_alias", "version": "1"}
    assert client.test_webhook(hook.webhook_id, event="prompt.created").success
    assert verified("t")["entity"] == "prompt"
    client.update_webhook(hook.webhook_id, url="http://127.0.0.1:9/")
    failed = client.test_webhook(hook.webhook_id)
    assert not failed.success and failed.error_message


if __name__ == "__main__":
    checks.run(sys.modules[__name__])
