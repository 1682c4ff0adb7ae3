import { access } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '../errors.ts';
import { readEdgeList } from './edge_list.ts';
import type { Graph } from './graph.ts';

/** The graph of the Shredder paper, SNAP's ego-Facebook, where the data sets lie beside the checkout. */
export const FACEBOOK = path.join('..', 'shared', 'datasets', 'facebook_combined.txt');

/** @throws UserError where the file is not there. */
export async function readFacebook(repository: string): Promise<Graph> {
  const graph = await readFacebookIfThere(repository);
  if (graph !== undefined) return graph;
  throw new UserError(
    `${FACEBOOK} is not there`,
    "Put SNAP's ego-Facebook there, or name a graph with --graph.",
  );
}

/** undefined where the file is not there. */
export async function readFacebookIfThere(repository: string): Promise<Graph | undefined> {
  const file = path.resolve(repository, FACEBOOK);
  try {
    await access(file);
  } catch {
    return undefined;
  }
  return await readEdgeList(file);
}
