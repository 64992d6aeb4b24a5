"""The neural models: embedders, the ONNX runtime, and the client of model servers."""
