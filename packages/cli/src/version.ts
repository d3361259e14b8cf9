import { readFileSync } from 'node:fs';

/** Where this package lies. The code may be in `src` or, as it is shipped, in `bundle`. */
export const PACKAGE_FOLDER: URL = new URL('..', import.meta.url);

/** Of the package, as its package.json says. */
export function packageVersion(): string {
  const path = new URL('package.json', PACKAGE_FOLDER);
  const { version } = JSON.parse(readFileSync(path, 'utf8')) as { readonly version: string };
  return version;
}
