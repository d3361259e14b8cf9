import { LongshoreError } from '../../errors.ts';
import type { FormatManager } from '../../format/format-manager.ts';
import type { IndexBlobManager } from './index-blob-manager.ts';

/** UNSUPPORTED if the index has been migrated since the repository was opened. */
export function refuseOtherIndexStyle(
  formatManager: Pick<FormatManager, 'current'>,
  indexBlobs: Pick<IndexBlobManager, 'style'>,
): void {
  const style = formatManager.current().epochParameters.enabled ? 'epoch' : 'legacy';
  if (style === indexBlobs.style) return;
  throw new LongshoreError(
    'UNSUPPORTED',
    'the repository was upgraded while it was open: open it again',
  );
}
