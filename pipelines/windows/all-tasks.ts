import { Observable } from 'rxjs';

/** Runs all tasks beside each other and yields what they yield; whatever ends one by an error, or `signal`, stops all. */
export function allTasks<Task>(
  tasks: readonly Task[],
  run: (task: Task, signal: AbortSignal) => AsyncIterable<number>,
  signal: AbortSignal,
): Observable<number> {
  return new Observable((subscriber) => {
    const unsubscribed = new AbortController();
    const until = AbortSignal.any([signal, unsubscribed.signal]);
    const follow = async (task: Task) => {
      for await (const rows of run(task, until)) subscriber.next(rows);
    };
    Promise.all(tasks.map(follow)).then(
      () => subscriber.complete(),
      (error: unknown) => subscriber.error(error),
    );
    return () => unsubscribed.abort();
  });
}
