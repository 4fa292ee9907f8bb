/**
 * The key that wraps the keys of tenants. What it wraps is text that names the version by which it was
 * wrapped, so that older versions open until they are retired.
 */
export type RootKey = LocalRootKey | RemoteRootKey;

/** What others are told of a version: its mark, which tells nothing of it, and itself wrapped by the one before. */
export interface NextRoot {
  readonly mark: string;
  readonly link: string;
}

interface EveryRootKey {
  readonly name: string; // For people: where it is.
  /** Begins a new version, by which all is wrapped from now on. What it returns lets holders of the old one follow, if they need it. */
  rotate(): Promise<NextRoot | null>;
  /** Takes up a version that another process began; false if it cannot. */
  follow(next: NextRoot): boolean;
  /** What is wrapped by an older version, wrapped by the newest. */
  rewrap(wrapped: readonly string[]): Promise<readonly string[]>;
  /** Older versions open nothing any more. Refuses if the newest is not the one that is configured: nobody might have it. */
  retire(): Promise<void>;
}

/** A root key that is here: it answers at once. */
export interface LocalRootKey extends EveryRootKey {
  readonly kind: 'local';
  wrap(keys: readonly Buffer[]): readonly string[];
  unwrap(wrapped: readonly string[]): readonly Buffer[];
}

/** A root key that never leaves its server. */
export interface RemoteRootKey extends EveryRootKey {
  readonly kind: 'remote';
  wrap(keys: readonly Buffer[]): Promise<readonly string[]>;
  unwrap(wrapped: readonly string[]): Promise<readonly Buffer[]>;
}
