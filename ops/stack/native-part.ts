import type { Part, Stack } from './stack.ts';

/** How to start one server. */
export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Another account to run it as. */
  readonly account?: { readonly uid: number; readonly gid: number } | undefined;
}

/** What a part is given to prepare itself with. */
export interface Setting {
  readonly home: string;
  readonly data: string;
  readonly ports: readonly number[];
  readonly stack: Stack;
  readonly report: (line: string) => void;
}

/** A server that runs on this machine without a container. */
export interface NativePart {
  readonly part: Part;
  /** How many ports it listens on; clients use the first. */
  readonly ports: number;
  readonly patienceMs: number;
  /** Asked with these in turn to stop, each for so long; SIGKILL follows. */
  readonly stopping: readonly { readonly signal: NodeJS.Signals; readonly ms: number }[];
  /** A complaint in its log that goes away by itself: what an earlier life left behind is still going. */
  readonly passing?: RegExp;
  /** Makes what it needs before it runs; does nothing that is already done. */
  prepare(setting: Setting): Promise<Launch>;
  /** Resolves once it answers its own protocol with these credentials; rejects until then. */
  answers(stack: Stack): Promise<void>;
}
