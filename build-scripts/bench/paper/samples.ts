import { spreadOf } from '../statistics.ts';
import type { FigureName, Row } from './figure.ts';

/** Repeated measurements of a figure's cases, and the rows that they make. */
export class Samples<Name extends string = FigureName> {
  readonly #figure: Name;
  readonly #all = new Map<
    string,
    { row: Omit<Row<Name>, 'median' | 'min' | 'max'>; values: number[] }
  >();

  constructor(figure: Name) {
    this.#figure = figure;
  }

  add(name: string, at: Row<Name>['at'], unit: string, value: number): void {
    const key = JSON.stringify([name, at, unit]);
    const entry = this.#all.get(key) ?? {
      row: { figure: this.#figure, case: name, at, unit },
      values: [],
    };
    entry.values.push(value);
    this.#all.set(key, entry);
  }

  /** In the order in which the cases were first measured. */
  rows(): Row<Name>[] {
    return [...this.#all.values()].map(({ row, values }) => ({ ...row, ...spreadOf(values) }));
  }
}
