// The figures of the paper's evaluation, measured here: which there are, and how they are run and drawn.
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { messageOf, UserError } from '../../errors.ts';
import { writeOutput } from '../report.ts';
import type { Figure, FigureName, FigureOptions, MeasureFigure, PlotFigure } from './figure.ts';

interface FigureModule {
  measure: MeasureFigure;
  plot: PlotFigure;
}

/** Each is loaded when it is asked for. */
const MODULES = {
  projection: () => import('./projection.ts'),
  graph: () => import('./graph.ts'),
  inference: () => import('./inference.ts'),
  fetches: () => import('./fetches.ts'),
  tenants: () => import('./tenants.ts'),
  density: () => import('./density_of_work.ts'),
} satisfies Partial<Record<FigureName, () => Promise<FigureModule>>>;

export type MeasuredFigure = keyof typeof MODULES;
export const MEASURED_FIGURES = Object.keys(MODULES) as MeasuredFigure[];

/** Measures one figure; where that fails, it has no rows, and the reason is what is missing. */
export async function measureFigure(name: MeasuredFigure, options: FigureOptions): Promise<Figure> {
  try {
    const { measure } = await MODULES[name]();
    return await measure(options);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { name, rows: [], table: '', missing: [`NOT MEASURED: ${name}: ${messageOf(error)}`] };
  }
}

/** Figures as text: each with its name above, its table, and what is missing. */
export function formatFigures(figures: readonly Figure[]): string {
  return figures
    .map(({ name, table, missing }) =>
      [`# ${name}`, table, ...missing].filter(Boolean).join('\n\n'),
    )
    .join('\n\n');
}

/**
 * Draws figures into a folder, which is made: NAME.svg and NAME.png of each that has rows.
 *
 * @param subtitle One line, such as the machine.
 */
export async function plotFigures(
  figures: readonly Figure[],
  folder: string,
  subtitle: string,
): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    throw new UserError(`cannot make the folder ${folder}: ${messageOf(error)}`);
  }
  for (const { name, rows } of figures.filter((figure) => figure.rows.length > 0)) {
    const { plot } = await MODULES[name as MeasuredFigure]();
    const svg = plot(rows, subtitle);
    // Loaded here, as each figure is: these packages take long to load.
    const { renderPng } = await import('../png.ts');
    await writeOutput(path.join(folder, `${name}.svg`), svg);
    await writeOutput(path.join(folder, `${name}.png`), renderPng(svg));
  }
}
