export interface SourceState {
  key: string;
  files: string[];
  newest: number;
}

export function upToDateProgram(sources?: string, temporary?: string): Promise<string>;
export function stateOf(sources: string): SourceState;
