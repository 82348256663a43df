"""Makes the model of bench/serving/random-forest.ts in FOLDER: a random forest of 100 trees on scikit-learn's breast cancer data (569 rows, 30 features),
as skl2onnx exports it, in Triton's layout (models/forest/1), as an MLflow model of the onnx flavour (mlflow), and its rows (rows.json)."""

import json
import os
import sys

import mlflow.onnx
import numpy as np
import onnx
from mlflow.models import infer_signature
from skl2onnx import to_onnx
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier

FOLDER = sys.argv[1]
data, target = load_breast_cancer(return_X_y=True)
data = data.astype(np.float32)
forest = RandomForestClassifier(n_estimators=100, random_state=0).fit(data, target)
model = to_onnx(forest, data[:1], options={"zipmap": False})
version = os.path.join(FOLDER, "models", "forest", "1")
os.makedirs(version)
onnx.save(model, os.path.join(version, "model.onnx"))
with open(os.path.join(FOLDER, "models", "forest", "config.pbtxt"), "w") as config:
    config.write('name: "forest"\nplatform: "onnxruntime_onnx"\nmax_batch_size: 256\n')
mlflow.onnx.save_model(model, os.path.join(FOLDER, "mlflow"), signature=infer_signature(data, None))
with open(os.path.join(FOLDER, "rows.json"), "w") as rows:
    json.dump([[float(x) for x in row] for row in data], rows)
