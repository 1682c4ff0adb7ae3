/** What a library's exported function has to be assignable to. */
export declare const callable: (keys: string[], args: string[]) => unknown;
/** What each of its two parameters receives. */
export declare const strings: string[];
