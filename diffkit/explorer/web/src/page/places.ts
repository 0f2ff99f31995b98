// Where the parts of the page stand, and what the server says about its subject.

export interface Places {
  expression: HTMLElement;
  formula: HTMLElement;
  point: HTMLElement;
  picture: HTMLElement;
  methods: HTMLElement;
  tabs: HTMLElement;
  tools: HTMLElement;
  announce: HTMLElement;
}

/** What /api/parse answers. */
export interface Parsed {
  variables: string[];
  latex: string;
}

/** What /api/subject answers: the text to begin with, or a function of the user's own. */
export interface Subject {
  text: string | null;
  function: string | null;
  at: Record<string, number>;
  variables: string[] | null;
}
