import { StringDecoder } from 'node:string_decoder';
import type { CommandContext } from '../context.ts';

/** The next line of standard input, empty at its end. What follows the line is left for the next question. */
export async function askLine(
  { stdin, signal }: Pick<CommandContext, 'stdin' | 'signal'>,
  question: string,
): Promise<string> {
  process.stderr.write(question);
  if ('readableEnded' in stdin && stdin.readableEnded === true) return '';
  const decoder = new StringDecoder('utf8');
  return new Promise((resolve, reject) => {
    let text = '';
    const finish = (line: string): void => {
      stdin.off('data', onData).off('end', onEnd).off('error', reject).pause();
      signal.removeEventListener('abort', onAbort);
      resolve(line);
    };
    const onEnd = (): void => finish(text);
    const onAbort = (): void => {
      stdin.off('data', onData).off('end', onEnd).off('error', reject).pause();
      reject(signal.reason as Error);
    };
    const onData = (chunk: Uint8Array | string): void => {
      text += typeof chunk === 'string' ? chunk : decoder.write(chunk);
      const end = text.indexOf('\n');
      if (end < 0) return;
      const rest = text.slice(end + 1);
      finish(text.slice(0, end));
      if (rest !== '') stdin.unshift(rest);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    stdin.on('data', onData).on('end', onEnd).on('error', reject).resume();
  });
}
