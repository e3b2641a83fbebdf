"""llama.cpp's own server, out of the wheel xllamacpp, on one thread of this machine, until it is ended.

Usage: llama_server.py MODEL.gguf PORT [LORA.gguf]. A request names the adapter's strength by ``lora``; see
docs/llama-cpp.md.
"""

import signal
import sys
import threading

import xllamacpp

SLOTS, CONTEXT = 4, 1024  # requests at once, and tokens of each


def main() -> None:
    model, port, *loras = sys.argv[1:]
    options = xllamacpp.CommonParams()
    options.model.path = model
    options.hostnames, options.port = ["127.0.0.1"], int(port)
    options.n_parallel, options.n_ctx = SLOTS, SLOTS * CONTEXT
    options.cpuparams.n_threads = options.cpuparams_batch.n_threads = 1
    options.use_jinja, options.n_gpu_layers = True, 0
    adapters = []
    for path in loras:
        adapter = xllamacpp.CommonAdapterLoraInfo()
        adapter.path, adapter.scale = path, 1.0
        adapters.append(adapter)
    options.lora_adapters = adapters
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    server = xllamacpp.Server(options)
    print(server.listening_address, flush=True)
    stop.wait()


if __name__ == "__main__":
    main()
