import { spawn } from 'node:child_process';
import { describeError } from '@longshore/repo';

/** Lets the desktop show a URL, and does not wait for it. */
export function openInBrowser(url: string, onFailure: (reason: string) => void): void {
  const program = process.platform === 'darwin' ? 'open' : 'xdg-open';
  const child = spawn(program, [url], { stdio: 'ignore', detached: true });
  child.on('error', (error) => onFailure(describeError(error)));
  child.on('exit', (code) => {
    if (code !== null && code !== 0) onFailure(`${program} ended with ${code}`);
  });
  child.unref();
}
