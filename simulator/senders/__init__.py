"""The senders' servers: HTTP and SFTP."""
