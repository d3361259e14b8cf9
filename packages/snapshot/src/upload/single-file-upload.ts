import type { DirEntry } from '../dir-manifest.ts';
import type { FileEntry } from '../entry.ts';
import type { PolicyNode } from '../policy/policy-tree.ts';
import { storedEntry } from './directory-upload.ts';
import { FileUpload } from './file-upload.ts';
import type { UploadRun } from './upload-run.ts';

/** Uploads the one file that is the root of a snapshot. It is always read: no unchanged test is made for it. */
export class SingleFileUpload {
  readonly #run: UploadRun;
  readonly #file: FileEntry;
  readonly #upload: FileUpload;

  constructor(run: UploadRun, file: FileEntry, policyNode: PolicyNode) {
    this.#run = run;
    this.#file = file;
    this.#upload = new FileUpload(run.fileEnvironment, file, run.fileOptions(policyNode, file));
  }

  /** ABORTED if the upload is stopped in the middle: a part of a file is no snapshot of it. */
  async run(): Promise<DirEntry> {
    const { counters, onEvent } = this.#run;
    const path = this.#file.name;
    counters.nonCachedFiles += 1;
    onEvent({ type: 'file-hashing', path, size: this.#file.size });
    const { objectID, size, parts } = await this.#upload.run();
    counters.fileCount += parts;
    counters.totalSize += size;
    onEvent({ type: 'file-finished', path, size });
    return {
      ...storedEntry(this.#file, objectID),
      size,
      summary: {
        size,
        files: 1,
        symlinks: 0,
        dirs: 0,
        maxTime: this.#file.mtime,
        numFailed: 0,
        numIgnoredErrors: 0,
        errors: [],
      },
    };
  }

  /**
   * What is stored of the file so far, so that nothing collects it while the rest is read. With parts in progress side
   * by side it is one after the other, which keeps their contents and is no prefix of the file.
   */
  async checkpoint(): Promise<DirEntry | undefined> {
    const objectID = await this.#upload.checkpointObject();
    if (objectID === undefined) return undefined;
    const name = `.checkpointed.${this.#file.name}.${crypto.randomUUID()}`;
    return { ...storedEntry(this.#file, objectID), name, rawName: undefined };
  }
}
