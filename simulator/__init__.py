"""A coherent synthetic district, its senders' servers, and its truth.

The package is a sender: it shares no code with the pipeline. `District` makes the data, `SenderServers` serves it
over HTTP and SFTP, `Expectation` says what must become of every delivery.
"""
