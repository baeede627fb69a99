// Short names for the generated types of the API.
import type { components } from "./schema";

type Schemas = components["schemas"];

export type Money = Schemas["Money"];
export type Status = Schemas["Status"];
export type Meta = Schemas["Meta"];
export type Figures = Schemas["Figures"];
export type Point = Schemas["Point"];
export type CampaignFigures = Schemas["CampaignFigures"];
export type ChannelFigures = Schemas["ChannelFigures"];
export type ConversionRow = Schemas["ConversionRow"];
export type Explanation = Schemas["Explanation"]["data"];
export type Pipeline = Schemas["Pipeline"]["data"];
export type FraudSummary = Schemas["FraudSummary"]["data"];
export type LateEvent = Schemas["LateEvent"];
export type DeadLetter = Schemas["DeadLetter"];
export type Problem = Schemas["Problem"];

export interface Answer<T> {
  data: T;
  meta: Meta;
}

export interface Page<T> {
  data: T[];
  next_cursor: string | null;
  meta?: Meta;
}
