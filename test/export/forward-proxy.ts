import { createServer, request as httpRequest } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { onTestFinished } from 'vitest';

/**
 * A forward proxy on the loopback that takes every name for a port of this machine: CONNECT (RFC 9110 §9.3.6) and
 * absolute-form requests (RFC 9112 §3.2.2). It keeps what it was asked, with the credentials, and ends with the test.
 */
export async function forwardProxy(targetPort: number, refusal?: number) {
  const asked: { method: string; target: string; authorization: string | undefined }[] = [];
  const server = createServer((request, response) => {
    const { method = '', url = '', headers } = request;
    asked.push({ method, target: url, authorization: headers['proxy-authorization'] });
    const { pathname } = new URL(url);
    const onward = httpRequest({ port: targetPort, host: '127.0.0.1', path: pathname, method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    request.pipe(onward);
  });
  server.on('connect', (request, near, head) => {
    asked.push({ method: 'CONNECT', target: request.url!, authorization: request.headers['proxy-authorization'] });
    if (refusal !== undefined) {
      near.end(`HTTP/1.1 ${refusal} No\r\ncontent-length: 0\r\n\r\n`);
      return;
    }
    const far = connect(targetPort, '127.0.0.1', () => {
      near.write('HTTP/1.1 200 Connection established\r\n\r\n');
      far.write(head);
      near.pipe(far).pipe(near);
    });
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ]) {
      socket.on('error', () => {});
      socket.on('close', () => other.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port, url: `http://127.0.0.1:${port}`, asked };
}
