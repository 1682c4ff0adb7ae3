// What the figures of the evaluation share: their names, and the form of what each measures.
import type { Config } from '../../config.ts';

export const FIGURES = [
  'projection',
  'graph',
  'inference',
  'fetches',
  'tenants',
  'density',
] as const;
export type FigureName = (typeof FIGURES)[number];

/** One measured case: what it measures is in `figure` and `case`, its parameters (bytes, hops, roundTripUs, ...) in `at`. */
export interface Row<Name extends string> {
  figure: Name;
  case: string;
  at: Readonly<Record<string, number | string>>;
  /** What was measured: `ops/s`, `us`, `GB/s`, `bytes`, `ratio`, `accuracy`, ... */
  unit: string;
  median: number;
  min: number;
  max: number;
}

export type PaperRow = Row<FigureName>;

export interface FigureOptions {
  config: Config;
  quick: boolean;
  /** Says a line on standard error. */
  note: (line: string) => void;
  graphFile?: string;
}

/** A measured figure. `missing`: one line for each case that could not run, and why. */
export interface Figure {
  name: FigureName;
  rows: PaperRow[];
  table: string;
  missing: string[];
}

/** Each figure's module exports one of these as `measure`. */
export type MeasureFigure = (options: FigureOptions) => Promise<Figure>;

/** And one that draws it, as `plot`: the rows of that figure as an SVG; the subtitle is one line, such as the machine. */
export type PlotFigure = (rows: readonly PaperRow[], subtitle: string) => string;
