"""The messages of the Open Inference Protocol over gRPC, generated; imported by `v2_grpc` alone (extra `grpc`).

`make proto` generates them again. They live in a descriptor pool of their own: a program that loads the same messages
from tritonclient, MLServer or KServe beside this one would otherwise be refused for defining them twice.
"""
