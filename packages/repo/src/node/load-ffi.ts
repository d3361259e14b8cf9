type FFI = typeof import('node:ffi');

/**
 * `node:ffi`; undefined where it does not exist: Node before 26, `--no-experimental-ffi`. A permission model that
 * forbids it throws. Node warns on standard error when the module is first loaded. The user can do nothing about it,
 * so that one warning is dropped; loading is synchronous, hence no other can pass while `emitWarning` is replaced.
 */
export function loadFFI(): FFI | undefined {
  const original = Object.getOwnPropertyDescriptor(process, 'emitWarning');
  if (original === undefined) return process.getBuiltinModule('node:ffi');
  const emitWarning = process.emitWarning.bind(process);
  process.emitWarning = (warning: string | Error, ...rest: never[]) => {
    if (!String(warning).startsWith('FFI is an experimental feature'))
      emitWarning(warning, ...rest);
  };
  try {
    return process.getBuiltinModule('node:ffi');
  } finally {
    Object.defineProperty(process, 'emitWarning', original);
  }
}
