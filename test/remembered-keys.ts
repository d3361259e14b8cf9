import { encodeHex, type Algorithms } from '@longshore/repo';

/** The same password and repository cost their key derivation once: tests open a repository hundreds of times. */
export function rememberingKeys(inner: Algorithms): Algorithms {
  const keys = new Map<string, Promise<Uint8Array>>();
  return Object.assign(Object.create(inner) as Algorithms, {
    deriveFormatKey(...[name, password, uniqueID]: Parameters<Algorithms['deriveFormatKey']>) {
      const key = `${name} ${password} ${encodeHex(uniqueID)}`;
      const known = keys.get(key) ?? inner.deriveFormatKey(name, password, uniqueID);
      keys.set(key, known);
      return known;
    },
  });
}
