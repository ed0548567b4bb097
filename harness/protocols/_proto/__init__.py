"""The messages of the Open Inference Protocol over gRPC, generated; imported only by `v2_grpc` (extra `grpc`).

`make proto` generates them again. They have a descriptor pool of their own: without it, a program that also loads the
messages of tritonclient, MLServer or KServe would fail, because protobuf refuses a second definition.
"""
