/** Commands of Kopia that longshore lacks, by what they have in common. */
interface RefusedCommands {
  /** Matches the names of such a command, or of a group that has none but such. */
  readonly commands: RegExp;
  /** Ends the sentence that says so. */
  readonly why: string;
}

export const REFUSED_COMMANDS: readonly RefusedCommands[] = [
  {
    commands: /^server\b/,
    why: 'it is a client and serves no repository',
  },
  {
    commands: /^repository connect server$/,
    why: 'it works on storages, not through a server',
  },
  {
    commands: /^notification\b/,
    why: 'it sends no messages; JSON and exit codes are for those who do',
  },
  {
    commands:
      /^repository (?:connect|create|sync-to|repair) (?:azure|b2|gcs|gdrive|rclone|sftp|webdav)$/,
    why: 'it stores in folders and on S3, which Backblaze B2 and Google Cloud Storage speak too',
  },
  {
    commands: /^repository (?:create|sync-to) from-config$/,
    why: 'only connecting takes a token or file',
  },
];
