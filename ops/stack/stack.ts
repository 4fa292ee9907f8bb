/** Where the servers are and how to get in: all that a worker needs to know of a stack. */
export interface Stack {
  readonly postgres: {
    readonly host: string;
    readonly port: number;
    readonly user: string;
    readonly password: string;
  };
  readonly kafka: { readonly brokers: readonly string[] };
  /** The base of the Confluent API. */
  readonly registry: { readonly url: string };
  readonly neo4j: { readonly url: string; readonly user: string; readonly password: string };
  readonly clickhouse: { readonly url: string; readonly user: string; readonly password: string };
}

/** Every server of a stack, in the data's order. */
export const parts = ['postgres', 'kafka', 'registry', 'neo4j', 'clickhouse'] as const;

/** One server of a stack. */
export type Part = (typeof parts)[number];

/** What is known of a part: `starting` is alive without an answer yet, `dead` went without being asked to. */
export type PartStatus =
  | {
      readonly part: Part;
      readonly state: 'running' | 'starting';
      readonly pid: number | null;
      readonly port: number;
      readonly memoryMb: number | null;
    }
  | {
      readonly part: Part;
      readonly state: 'dead';
      readonly pid: number | null;
      readonly port: number;
      readonly memoryMb: null;
    }
  | {
      readonly part: Part;
      readonly state: 'stopped';
      readonly pid: null;
      readonly port: number | null;
      readonly memoryMb: null;
    };

/** Something that can run a stack. */
export interface Provider {
  /** Starts what does not run and leaves alone what does; resolves once every part answers its protocol. */
  up(report: (line: string) => void): Promise<Stack>;

  /** Looks, and changes nothing. */
  status(): Promise<readonly PartStatus[]>;

  /** Stops every part and leaves no process; data stays unless `wipe`. */
  down(options: { readonly wipe: boolean }): Promise<void>;
}
