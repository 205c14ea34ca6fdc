import type { TlsNames } from '../tls-client/complaint.ts';
import { connectTls, tlsError } from '../tls-client/connect.ts';
import type { TlsClient } from '../tls-client/files.ts';

/** As the boot file has them. */
const names: TlsNames = {
  ca: 'tls.ca_file',
  certificate: 'tls.cert_file and tls.key_file',
  serverName: 'tls.server_name',
};

/** An exporter's TLS: each connection is made by what the files held last; those that are there stay as they are. */
export class Security {
  readonly #current: () => TlsClient;

  constructor(current: () => TlsClient) {
    this.#current = current;
  }

  connect(to: Parameters<typeof connectTls>[2]): ReturnType<typeof connectTls> {
    return connectTls(this.#current(), names, to);
  }

  /** Also of a connection that stood already: with TLS 1.3 a server refuses a certificate after the handshake. */
  explained(error: unknown): unknown {
    return tlsError(error, this.#current(), names);
  }
}
