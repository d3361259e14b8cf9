/** SIGINT and SIGTERM as two requests: to end in order, then to end at once. */
export interface Signals {
  readonly stopSignal: AbortSignal;
  readonly signal: AbortSignal;
  readonly handleStop: () => void;
  /** Gives the signals back to Node. */
  readonly release: () => void;
}

export function catchSignals(say: (message: string) => void): Signals {
  const stop = new AbortController();
  const abort = new AbortController();
  let endsInOrder = false;
  const onSignal = (): void => {
    if (endsInOrder && !stop.signal.aborted) {
      say('Ending in order: what is done will be kept. Interrupt again to leave at once.');
      stop.abort();
      return;
    }
    stop.abort();
    abort.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return {
    stopSignal: stop.signal,
    signal: abort.signal,
    handleStop: () => {
      endsInOrder = true;
    },
    release: () => {
      process.off('SIGINT', onSignal);
      process.off('SIGTERM', onSignal);
    },
  };
}
