"""llama.cpp's own HTTP server, as the package xllamacpp carries it: `python llamacpp_app.py MODEL.gguf PORT`."""
# mypy: ignore-errors

import sys
import time

import xllamacpp

params = xllamacpp.CommonParams()
params.model.path, params.port = sys.argv[1], int(sys.argv[2])
params.hostnames, params.model_alias = ["127.0.0.1"], {"tiny-chat"}
params.n_ctx, params.n_parallel = 16384, 4
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
server = xllamacpp.Server(params)
while True:
    time.sleep(60)
