// Stored modes are Go's portable bits, not POSIX bits. Source: docs/format/directory.md.
const PERMISSIONS = 0o777;
const GO_SETUID = 1 << 23;
const GO_SETGID = 1 << 22;
const GO_STICKY = 1 << 20;

export const POSIX_SETUID = 0o4000;
export const POSIX_SETGID = 0o2000;
const POSIX_STICKY = 0o1000;

/** The stored mode of a POSIX `st_mode`: permissions, setuid, setgid and sticky; the file type is dropped. */
export function goModeFromPosix(mode: number): number {
  return (
    (mode & PERMISSIONS) |
    ((mode & POSIX_SETUID) === 0 ? 0 : GO_SETUID) |
    ((mode & POSIX_SETGID) === 0 ? 0 : GO_SETGID) |
    ((mode & POSIX_STICKY) === 0 ? 0 : GO_STICKY)
  );
}

/** The twelve bits that `chmod` takes out of a stored mode; every other bit is dropped. */
export function posixModeFromGo(mode: number): number {
  return (
    (mode & PERMISSIONS) |
    ((mode & GO_SETUID) === 0 ? 0 : POSIX_SETUID) |
    ((mode & GO_SETGID) === 0 ? 0 : POSIX_SETGID) |
    ((mode & GO_STICKY) === 0 ? 0 : POSIX_STICKY)
  );
}
