/** What opening a connection needs of the context. */
export interface ConnectionOptions {
  /** Absolute path of the connection file. */
  readonly configFile: string;
}
