import type { Run } from './deliver-run.ts';
import type { Figures } from './figures.ts';
import type { Target } from './report.ts';
import type { Site } from './site.ts';

/** A sink, and what deliver into it is held against. */
export interface Contest {
  /** The databases of PostgreSQL that it needs, empty. */
  readonly databases: readonly string[];
  /** Where deliver writes to, as a configuration says it. */
  readonly sinks: (site: Site) => object;
  /** Who is measured: deliver, and all others; `read` is what it takes to read the topic. */
  readonly contend: (run: Run, read: Figures) => Promise<Contended>;
}

interface Contended {
  readonly subject: Figures;
  readonly limit: Figures;
  readonly limitName: string;
  readonly peers: Readonly<Record<string, Figures>>;
  readonly targets: readonly Target[];
  readonly notes: readonly string[];
}
