// register.js imports this file to learn whether TypeScript can be loaded.
export {};
