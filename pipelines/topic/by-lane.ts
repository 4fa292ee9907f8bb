import type { GroupPartitionsAssigner } from '@platformatic/kafka';

/**
 * Gives a lane of all topics to one member: what comes again of a key meets what is live of it, and of each lane that is
 * written there is one writer (ADR 25). Members beyond the number of lanes wait.
 */
export const byLane: GroupPartitionsAssigner = (_, members, topics, { topics: known }) => {
  const names = [...members.keys()].sort();
  return names.map((memberId, at) => ({
    memberId,
    assignments: new Map(
      [...topics].flatMap((topic) => {
        const lanes = [...Array(known.get(topic)?.partitionsCount ?? 0).keys()];
        const partitions = lanes.filter((lane) => lane % names.length === at);
        return partitions.length === 0 ? [] : [[topic, { topic, partitions }] as const];
      }),
    ),
  }));
};
