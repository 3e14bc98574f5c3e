import type zh from './zh'

type Texts<T> = { [K in keyof T]: T[K] extends string ? string : Texts<T[K]> }

/** The shape of a language: the keys of zh.ts, with any text. */
export type Messages = Texts<typeof zh>
