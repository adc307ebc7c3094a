"""The Kubernetes manifests: each is YAML that its schema takes, they name one another rightly, and the pod asks for
nothing that the strictest rules forbid."""

import json
import re
import sys
from pathlib import Path

import kubernetes_validate
import yaml

# The sleep of a preStop hook is as old as the first; the last is the newest that the validator knows.
VERSIONS = ["1.30", "1.37"]


class Strict(yaml.SafeLoader):
    """A reader that takes no key twice."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = {key for key in keys if keys.count(key) > 1}
        assert not twice, f"{sorted(twice)} stand twice at {node.start_mark}"
        return super().construct_mapping(node, deep)


def read(path):
    return [one for one in yaml.load_all(path.read_text(), Strict) if one]


def check_kustomization(folder, kustomization, found):
    for name in kustomization["resources"]:
        assert (folder / name).is_file(), f"kustomization.yaml names {name}, which is not there"
    left = set(found) - set(kustomization["resources"])
    assert left == {"secret.example.yaml"}, f"not in the kustomization: {left}"


def check_names(by_kind):
    deployment = by_kind["Deployment"]
    pod = deployment["spec"]["template"]
    labels = pod["metadata"]["labels"]
    selectors = {
        "Deployment": deployment["spec"]["selector"]["matchLabels"],
        "Service": by_kind["Service"]["spec"]["selector"],
        "PodDisruptionBudget": by_kind["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
    }
    for kind, selector in selectors.items():
        assert selector.items() <= labels.items(), f"the selector of the {kind} finds no pod"
    [container] = pod["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    probes = [container[f"{kind}Probe"]["httpGet"]["port"] for kind in ("startup", "liveness", "readiness")]
    targets = [port["targetPort"] for port in by_kind["Service"]["spec"]["ports"]]
    assert set(probes + targets) <= set(ports), "a port that the container has not"
    volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert set(mounts) == set(volumes), "volumes and their mounts differ"
    homes = [one["value"] for one in container["env"] if one["name"] == "AUTOGW_HOME"]
    assert homes == [mounts["home"]] and "emptyDir" in volumes["home"], "nothing can be written to AUTOGW_HOME"
    assert volumes["config"]["configMap"]["name"] == by_kind["ConfigMap"]["metadata"]["name"]
    assert container["envFrom"] == [{"secretRef": {"name": by_kind["Secret"]["metadata"]["name"]}}]
    return pod["spec"], container, ports


def check_configuration(config, secret, ports, pod, container):
    text = config["data"]["config.json"]
    missing = set(re.findall(r"\$\{(\w+)\}", text)) - set(secret["stringData"])
    assert not missing, f"the secret has no {missing}"
    assert set(secret["stringData"].values()) == {"REPLACE-ME"}, "something else than a placeholder"
    # JSON with comments and trailing commas, of which no string here has anything.
    plain = re.sub(r",(\s*[}\]])", r"\1", re.sub(r"^\s*//.*$", "", text, flags=re.M))
    server = json.loads(plain)["server"]
    assert server["port"] in ports.values() and server["host"] == "0.0.0.0"
    drain = int(server["drain"].removesuffix("s"))
    sleep = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod["terminationGracePeriodSeconds"] > drain + sleep, "a pod is killed before it has ended"


def check_rules(pod, container):
    """Those of the profile `restricted`, and a root that nobody writes to."""
    of_pod, own = pod["securityContext"], container["securityContext"]
    assert of_pod["runAsNonRoot"] and of_pod["runAsUser"] > 0 and of_pod["fsGroup"] == of_pod["runAsGroup"]
    assert of_pod["seccompProfile"] == {"type": "RuntimeDefault"}
    assert own["allowPrivilegeEscalation"] is False and own["readOnlyRootFilesystem"] is True
    assert own["capabilities"] == {"drop": ["ALL"]}


def main(folder):
    found = {path.name: read(path) for path in sorted(folder.glob("*.yaml"))}
    [kustomization] = found.pop("kustomization.yaml")
    check_kustomization(folder, kustomization, found)
    manifests = [one for several in found.values() for one in several]
    for manifest in manifests:
        for version in VERSIONS:
            kubernetes_validate.validate(manifest, version, strict=True)
    by_kind = {manifest["kind"]: manifest for manifest in manifests}
    assert len(by_kind) == len(manifests) == 6, sorted(by_kind)
    pod, container, ports = check_names(by_kind)
    check_configuration(by_kind["ConfigMap"], by_kind["Secret"], ports, pod, container)
    check_rules(pod, container)


main(Path(sys.argv[1]))
