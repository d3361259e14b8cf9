import { loadFFI } from './ffi.ts';

const POINTER = 'pointer';

// No library name: the symbols are those of the OpenSSL that Node itself runs on, in its executable or loaded with it.
const PROCESS_IMAGE = null;

/** As openssl/evp.h of OpenSSL 3 declares them. Output and input of an update are buffers of at least its length. */
const SIGNATURES = {
  ERR_clear_error: { arguments: [], return: 'void' },
  EVP_CIPHER_CTX_ctrl: { arguments: [POINTER, 'int32', 'int32', POINTER], return: 'int32' },
  EVP_CIPHER_CTX_new: { arguments: [], return: POINTER },
  EVP_CIPHER_fetch: { arguments: [POINTER, 'buffer', POINTER], return: POINTER },
  EVP_CipherFinal_ex: { arguments: [POINTER, POINTER, POINTER], return: 'int32' },
  EVP_CipherInit_ex: {
    arguments: [POINTER, POINTER, POINTER, POINTER, POINTER, 'int32'],
    return: 'int32',
  },
  EVP_CipherUpdate: {
    arguments: [POINTER, 'buffer', POINTER, 'buffer', 'int32'],
    return: 'int32',
  },
} as const;

/** The same function with addresses. */
const SIGNATURES_BY_ADDRESS = {
  EVP_CipherUpdate: {
    arguments: [POINTER, POINTER, POINTER, POINTER, 'int32'],
    return: 'int32',
  },
} as const;

const NULL = 0n;

/**
 * The ciphers of OpenSSL as its C interface has them. Addresses are of objects of the library, 0 where C has NULL, or from
 * `addressOf`; results are 1 for success unless a function says otherwise.
 */
export interface Libcrypto {
  /** Of bytes that do not move: of `Buffer.allocUnsafeSlow`, for as long as the caller holds it. */
  addressOf(bytes: Uint8Array): bigint;
  clearErrors(): void;
  /** 0 if there is no such cipher. */
  fetchCipher(name: string): bigint;
  /** 0 if there is no memory. */
  createContext(): bigint;
  control(context: bigint, command: number, argument: number, data: bigint): number;
  init(context: bigint, cipher: bigint, key: bigint, iv: bigint, encrypt: 0 | 1): number;
  /** Writes `input.length` bytes to the start of `output`, which has that room. */
  update(context: bigint, output: Uint8Array, outLength: bigint, input: Uint8Array): number;
  authenticate(context: bigint, outLength: bigint, data: bigint, length: number): number;
  /** Anything but 1: authentication failed. */
  finish(context: bigint, output: bigint, outLength: bigint): number;
}

/** Undefined where it cannot be called: Node before 26, `--no-experimental-ffi`, a permission model, other systems. */
export function loadLibcrypto(): Libcrypto | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    const ffi = loadFFI();
    if (ffi === undefined) return undefined;
    const { functions } = ffi.dlopen(PROCESS_IMAGE, SIGNATURES);
    const byAddress = ffi.dlopen(PROCESS_IMAGE, SIGNATURES_BY_ADDRESS).functions;
    return {
      addressOf: (bytes) => ffi.getRawPointer(bytes),
      clearErrors: functions.ERR_clear_error,
      fetchCipher: (name) =>
        functions.EVP_CIPHER_fetch(NULL, Buffer.from(`${name}\0`, 'latin1'), NULL),
      createContext: functions.EVP_CIPHER_CTX_new,
      control: functions.EVP_CIPHER_CTX_ctrl,
      init: (context, cipher, key, iv, encrypt) =>
        functions.EVP_CipherInit_ex(context, cipher, NULL, key, iv, encrypt),
      update: (context, output, outLength, input) =>
        functions.EVP_CipherUpdate(context, output, outLength, input, input.length),
      authenticate: (context, outLength, data, length) =>
        byAddress.EVP_CipherUpdate(context, NULL, outLength, data, length),
      finish: functions.EVP_CipherFinal_ex,
    };
  } catch {
    return undefined;
  }
}
