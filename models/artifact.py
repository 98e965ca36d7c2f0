"""A promoted model as three text files with a recorded digest, and the only way to load one: no pickle, no pyfunc, no surprises."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np

from models.calibration import Calibration
from models.errors import ModelRefused
from models.features import FeatureContract

FILES = ("model.txt", "features.json", "calibration.json")
OLDEST_LIGHTGBM = (4, 6)  # before 4.6.0 the text parser had a heap overflow (CVE-2024-43598)
OBJECTIVES = ("binary", "poisson")


@dataclass(frozen=True)
class Bundle:
    """The three texts of a model; digests name the content, not the file."""

    model_text: str
    features_json: str
    calibration_json: str

    @property
    def texts(self) -> dict[str, str]:
        """File name -> text."""
        return dict(zip(FILES, (self.model_text, self.features_json, self.calibration_json), strict=True))

    @property
    def digests(self) -> dict[str, str]:
        """File name -> SHA-256 of its bytes."""
        return {name: sha256_of(text.encode()) for name, text in self.texts.items()}

    @property
    def sha256(self) -> str:
        """One digest over the three: the identity of the model."""
        return identity_of(self.digests)

    def write(self, folder: Path) -> Path:
        """Write the three files into an empty or own folder."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in self.texts.items():
            (folder / name).write_bytes(text.encode())
        return folder


def identity_of(digests: dict[str, str]) -> str:
    """One digest over those of all files, by name."""
    return sha256_of("\n".join(f"{name} {digest}" for name, digest in sorted(digests.items())).encode())


def sha256_of(content: bytes) -> str:
    """Hex SHA-256 of bytes."""
    return hashlib.sha256(content).hexdigest()


def load_bundle(folder: Path, wanted_sha256: str, max_bytes: int) -> Bundle:
    """Read a bundle whose files are exactly the allowed three, small enough, and byte for byte those recorded at promotion.

    `wanted_sha256` is the digest over the three, as Bundle.sha256 gives it. Raises ModelRefused.
    """
    _check_lightgbm()
    found = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    if found != sorted(FILES):
        raise ModelRefused(
            f"{folder}: found files {found}, wanted exactly {sorted(FILES)}; nothing else is ever opened"
        )
    contents = {}
    for name in FILES:
        path = folder / name
        if path.is_symlink() or path.stat().st_size > max_bytes:
            raise ModelRefused(
                f"{path}: {path.stat().st_size} bytes or a link, wanted a plain file of at most {max_bytes} bytes"
            )
        contents[name] = path.read_bytes()
    sha256 = identity_of({name: sha256_of(content) for name, content in contents.items()})
    if sha256 != wanted_sha256:
        raise ModelRefused(
            f"{folder}: SHA-256 over the three files {sha256}, wanted {wanted_sha256 or 'one recorded at promotion'}; a file was changed"
        )
    bundle = Bundle(*(contents[name].decode("utf-8") for name in FILES))
    check_texts(bundle)
    return bundle


def check_texts(bundle: Bundle) -> tuple[FeatureContract, Calibration]:
    """Refuse doubled keys, an unknown objective, and features that are not those of the contract in its order."""
    contract = FeatureContract.from_dict(_json(bundle.features_json, "features.json"))
    calibration = Calibration.from_dict(_json(bundle.calibration_json, "calibration.json"))
    header = _header(bundle.model_text)
    if header.get("objective", "").split(" ")[0] not in OBJECTIVES:
        raise ModelRefused(f"model.txt: objective '{header.get('objective')}', wanted one of {', '.join(OBJECTIVES)}")
    named = header.get("feature_names", "").split(" ")
    if named != contract.names:
        wrong = [name for name in named if name not in contract.names] or [
            a for a, b in zip(named, contract.names, strict=False) if a != b
        ]
        raise ModelRefused(
            f"model.txt: {len(named)} features, first other one '{(wrong or contract.names[len(named) :] or ['?'])[0]}'; "
            f"wanted the {len(contract.names)} of features.json in its order"
        )
    return contract, calibration


def _header(text: str) -> dict[str, str]:
    """Key = value lines before the first tree; a key given twice in any block is refused (LightGBM would take the last)."""
    if not text.startswith("tree\n") or "end of trees" not in text:
        raise ModelRefused("model.txt: wanted a LightGBM text model (first line 'tree', 'end of trees' present)")
    header: dict[str, str] = {}
    block: dict[str, str] = header
    title = "header"
    for number, line in enumerate(text.split("end of trees", 1)[0].splitlines(), start=1):
        key, equals, value = line.partition("=")
        if key == "Tree":
            block, title = {}, line
            continue
        if not equals:
            continue
        if key in block:
            raise ModelRefused(f"model.txt: line {number}: key '{key}' is given twice in {title}; wanted each key once")
        block[key] = value
    return header


def _json(text: str, name: str) -> dict[str, Any]:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        if len(set(keys)) != len(keys):
            raise ModelRefused(
                f"{name}: key '{next(k for k in keys if keys.count(k) > 1)}' is given twice; wanted each key once"
            )
        return dict(pairs)

    try:
        body = json.loads(text, object_pairs_hook=once)
    except json.JSONDecodeError as error:
        raise ModelRefused(f"{name}: line {error.lineno}: {error.msg}; wanted JSON") from None
    if not isinstance(body, dict):
        raise ModelRefused(f"{name}: wanted a JSON object")
    return body


def _check_lightgbm() -> None:
    found = tuple(int(part) for part in lgb.__version__.split(".")[:2])
    if found < OLDEST_LIGHTGBM:
        raise ModelRefused(
            f"lightgbm {lgb.__version__} is installed, wanted >= 4.6 (older text parsers are unsafe); run `make setup`"
        )


class Predictor:
    """A bundle ready to score frames: encodes by contract, predicts on one thread, calibrates."""

    def __init__(self, bundle: Bundle):
        _check_lightgbm()
        self.contract, self.calibration = check_texts(bundle)
        self._booster = lgb.Booster(model_str=bundle.model_text)

    @property
    def used_features(self) -> set[str]:
        """Single features some tree splits on, alone or in a pair; the others cannot move a score."""
        splits = zip(self.contract.names, self._booster.feature_importance("split"), strict=True)
        used = {name for name, count in splits if count}
        pairs = [cross for cross in self.contract.crosses if cross.name in used]
        return used & {f.name for f in self.contract.features} | {c.feature for p in pairs for c in (p.left, p.right)}

    def predict_raw(self, matrix: np.ndarray) -> np.ndarray:
        """Raw scores of an encoded matrix: probability, or expected count."""
        if not matrix.shape[0]:
            return np.empty(0)
        return np.asarray(self._booster.predict(matrix, num_threads=1))
