"""L1: the wire protocols, one adapter per file, without IO.

An adapter, in this package or in another one, imports its public names from these modules:

* `harness.core.adapter`: `Adapter` (the methods that an adapter has), `Capabilities`, `Facts`, `Recognition`,
  `StreamDecoder`, and `HealthReader` for health calls whose successful answer may mean "no"
* `harness.core.exchange`: `Query`, `Request`, `Response`, `Answer`, `StreamEvent`, `EventKind`
* `harness.core.errors`: `ProtocolError` for an invalid answer, `UsageError` for a query that cannot be expressed

and may inherit from a base in `harness.protocols.shared`:

* `non_streaming.NonStreaming`: no streamed answers
* `named_models.NamedModels`: the same, and requests name a model that takes tensors
* `text_inputs.TextInputs`: texts in, numbers out
* `openai_family.GeneratesText`, `openai_family.ListsModels`, and `openai_family.OpenAIFamily`, which is both
* `event_stream.JSONEventDecoder`, `chat_stream.ChunkStream`: decoders of streams

`harness.protocols.shared.wire` makes requests and reads the responses to probes, `values` reads checked values out of
an answer, `row_answers`, `tensors` and `chat_parts` decode the common parts.
"""
