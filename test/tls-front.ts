import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface TLSFront extends AsyncDisposable {
  /** `127.0.0.1:port`; the certificate is for this address. */
  readonly endpoint: string;
  /** The certificate, which is its own authority, as PEM. */
  readonly rootCA: string;
}

/** Speaks TLS with a fresh self-signed certificate in front of a plain server. Undefined without openssl. */
export async function startTLSFront(target: string): Promise<TLSFront | undefined> {
  const certificate = await makeCertificate();
  if (!certificate) return undefined;
  const port = Number(target.split(':')[1]);
  const open = new Set<TLSSocket>();
  const server = createServer(certificate, (socket) => {
    open.add(socket);
    const plain = connect(port, '127.0.0.1');
    socket.on('error', () => plain.destroy());
    plain.on('error', () => socket.destroy());
    socket.on('close', () => open.delete(socket));
    socket.pipe(plain).pipe(socket);
  });
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    rootCA: certificate.cert,
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** A fresh self-signed certificate for 127.0.0.1 and its key, PEM. Undefined without openssl. */
export async function makeCertificate(): Promise<
  { readonly cert: string; readonly key: string } | undefined
> {
  const folder = await mkdtemp(join(tmpdir(), 'longshore-tls-'));
  const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  try {
    const options =
      'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 ' +
      '-subj /CN=longshore-test -addext subjectAltName=IP:127.0.0.1';
    await run('openssl', [...options.split(' '), '-keyout', keyFile, '-out', certFile]);
    return { cert: await readFile(certFile, 'utf8'), key: await readFile(keyFile, 'utf8') };
  } catch (error) {
    console.warn(`SKIPPED: TLS in front of a server: no usable openssl (${String(error)})`);
    return undefined;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
