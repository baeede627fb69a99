// Made by npm run types from /openapi.json. Do not edit.

export interface paths {
    "/v1/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send events: one object, an array, or NDJSON; answers once they are durable
         * @description Sending the same body again changes nothing: events are known by their ids. An Idempotency-Key header is therefore accepted and not needed. 429 and 503 say in Retry-After when to come back.
         */
        post: operations["sendEvents"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/overview": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The figures of a range, one entry per currency
         * @description The tiles of the first screen. Without anything in the range, data is empty.
         */
        get: operations["getOverview"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/timeseries": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The figures of a range over time, one entry per point and currency
         * @description A point without anything is there with zeros, as long as its currency occurs in the range. `open` marks the points that the watermark has not passed.
         */
        get: operations["getTimeseries"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/campaigns": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Delivery and credit by campaign, in order of the id, one entry per currency
         * @description Credit without a touch belongs to no campaign and is not here; a campaign_id that is empty stands for touches and delivery without one.
         */
        get: operations["listCampaigns"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/campaigns/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One campaign: its figures, by channel, and its credit under every model */
        get: operations["getCampaign"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/attribution": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Credit under one model by channel, campaign or creative; what is unattributed is a row of its own */
        get: operations["getAttribution"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/attribution/compare": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Credit under several models side by side */
        get: operations["compareModels"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/paths": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The ways to net conversions: the most frequent sequences of touches, how long they are and how much time they take
         * @description Steps carry their credit under the model. Lengths, time lags and totals are over all paths that pass the filters, not only those listed. CSV and NDJSON have the paths.
         */
        get: operations["getPaths"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/conversions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Conversions, newest first */
        get: operations["listConversions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/conversions/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One conversion */
        get: operations["getConversion"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/conversions/{id}/explain": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Why a conversion has its credit: every touch, counted or not and why, and the arithmetic per model */
        get: operations["explainConversion"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sessions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Sessions, latest end first */
        get: operations["listSessions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/fraud/summary": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * From gross to net in counts and money, and the reasons
         * @description An event with several reasons stands under each of them, so that the reasons sum to more than the totals.
         */
        get: operations["getFraudSummary"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/fraud/events/{event_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The verdicts on the events with one id */
        get: operations["getVerdicts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/alerts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What needs attention now, with the money at stake: critical first
         * @description Conditions of the pipeline and of campaigns, worked out anew for each answer; an alert is there for as long as its condition holds. Campaigns are compared with their own last 24 hours.
         */
        get: operations["listAlerts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/late-events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Events that came too late to count, in order of event id, time and position */
        get: operations["listLateEvents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/dead-letters": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Records that break a rule, in order of position */
        get: operations["listDeadLetters"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/privacy/erase": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Take everything of a person out; answers once that is durable */
        post: operations["erasePerson"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/session": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Who is asking, and what they may do */
        get: operations["getSession"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/pipeline": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** State of the pipeline: watermarks, inputs, counts, sinks, latencies */
        get: operations["getPipeline"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/live": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * WebSocket of the live figures: sequenced frames of absolute values; without an upgrade and with Accept: text/event-stream the same as server-sent events
         * @description Messages are JSON texts: LiveRequest from the client, LiveMessage from the server. docs/api.md walks through them. Without `ch`, the channel kpis is subscribed to; `ch=` subscribes to nothing. A page of another origin is refused unless server.allowed_origins names it.
         */
        get: operations["live"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/live/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The live figures as server-sent events, for where a WebSocket cannot pass
         * @description The event's name is the op of the message, its data the message. The subscriptions are those of the parameters.
         */
        get: operations["liveEvents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/export/{table}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * A whole table, or a range of it, as it stands at one commit
         * @description The rows as `tributary replay` writes them, in the order of the key. The commit is in X-Tributary-Epoch, X-Tributary-Commit and X-Tributary-Watermark, the number of rows in the trailer X-Tributary-Rows. A body that ends early is cut off, never closed as if it were whole.
         */
        get: operations["exportTable"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/exports": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Exports that are made in the background, newest first */
        get: operations["listExports"];
        put?: never;
        /**
         * Begin an export in the background
         * @description One is made at a time; all of its tables are as of one commit. It begins anew when the program stops in between. A destination other than download is the URL of a bucket, and needs the scope admin.
         */
        post: operations["createExport"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/exports/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One export and how far it is */
        get: operations["getExport"];
        put?: never;
        post?: never;
        /** Cancel an export that waits or runs; forget one that has ended, with its files */
        delete: operations["deleteExport"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/exports/{id}/files/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A file of an export that is done; ranges are served */
        get: operations["downloadExport"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sinks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The sinks: how far each is, what it was sent, what fails and what to do */
        get: operations["listSinks"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sinks/{name}/reconcile": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Bring a sink to the newest commit and compare its counts and sums with the state */
        post: operations["reconcileSink"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sinks/{name}/resync": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Write every row to a sink again; answers once that has begun */
        post: operations["resyncSink"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/backups": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The backups in the server's directory for them, oldest first */
        get: operations["listBackups"];
        put?: never;
        /**
         * Copy the state as of one commit to a directory at the server, while it runs; answers once that is on disk
         * @description The copy is made of hard links where the file system has them, and holds the room of what the state has thrown away since. tributary state restore makes a data directory of it.
         */
        post: operations["createBackup"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/openapi.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** This document */
        get: operations["getOpenAPI"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/livez": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether the process answers */
        get: operations["livez"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/readyz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether the pipeline works; degraded is not down */
        get: operations["readyz"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Prometheus metrics */
        get: operations["metrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        BackupRequest: {
            name: string;
        };
        Backup: {
            data: {
                name: string;
                /** @description of its directory, at the server */
                path: string;
                at: components["schemas"]["Time"];
                /** @description of its files; hard links take no room */
                bytes: number;
                epoch: number;
                commit: number;
            };
        };
        Backups: {
            data: {
                name: string;
                path: string;
                at: components["schemas"]["Time"];
                bytes: number;
            }[];
        };
        Erasure: {
            data: {
                /** @description the person, and all ids linked with it */
                persons: string[];
                /** @description by currency: what the totals of conversions lost */
                value: {
                    [key: string]: {
                        amount: string;
                        currency: string;
                    };
                };
                impressions: number;
                clicks: number;
                behavioural: number;
                conversions: number;
                sessions: number;
                verdicts: number;
                late_events: number;
                dead_letters: number;
                adjustments: number;
                references: number;
                commit: number;
            };
        };
        Identity: {
            data: {
                /** @description whether the server asks who calls */
                authentication: boolean;
                id: string;
                name: string | null;
                /** @enum {string} */
                via: "none" | "key" | "session" | "oidc";
                scopes: ("read" | "read:pii" | "write" | "export" | "admin")[];
                /** @description whether answers hold pseudonyms in place of persons */
                pseudonyms: boolean;
            };
        };
        /**
         * Format: date-time
         * @description RFC 3339; UTC with three decimals, except where a timezone was asked for.
         */
        Time: string;
        /** @description A decimal written out, computed from integers: rates and ROAS are rounded half to even (6 and 4 places), credited conversions are exact. */
        Decimal: string;
        /** @description An exact amount: two to six fraction digits. Amounts of different currencies are never added. */
        Money: {
            amount: string;
            currency: string;
        };
        /**
         * @description provisional: may still change, because the watermark has not reached the end; final: has stood since then; restated: was changed after it was final. Of several the weakest is given: provisional, then restated, then final.
         * @enum {string}
         */
        Status: "provisional" | "final" | "restated";
        Model: string;
        /** @description What the answer is about. from and to are the range that was used: rounded outward to whole minutes, or hours by touch time. */
        Meta: {
            as_of: components["schemas"]["Time"];
            watermark: components["schemas"]["Time"] | null;
            status: components["schemas"]["Status"];
            model: components["schemas"]["Model"] | null;
            /** @description false where the credits sum to more than the total (participation) */
            additive: boolean;
            basis: string;
            traffic: string;
            timezone: string;
            from: components["schemas"]["Time"];
            to: components["schemas"]["Time"];
            interval?: string;
            group_by?: string;
            models?: components["schemas"]["Model"][];
            /** @description changes when the process starts anew; the same word as in frames of /v1/live */
            epoch: string;
            /** @description number of the state that the answer shows, at the least; frames of the same epoch with a greater seq are newer */
            seq: number;
            /** @description of time series: the first point that the watermark has not passed; null when none is open */
            open_from?: components["schemas"]["Time"] | null;
            compare?: components["schemas"]["CompareMeta"];
            sparkline?: components["schemas"]["SparklineMeta"];
        };
        Figures: {
            currency: string;
            impressions: number;
            clicks: number;
            ctr: components["schemas"]["Decimal"] | null;
            givt_impressions: number;
            sivt_impressions: number;
            givt_clicks: number;
            sivt_clicks: number;
            /** @description invalid impressions and clicks over all of them; null where there are none */
            invalid_rate: components["schemas"]["Decimal"] | null;
            spend: components["schemas"]["Money"];
            invalid_spend: components["schemas"]["Money"];
            conversions: number | null;
            invalid_conversions: number | null;
            duplicate_conversions: number | null;
            retracted_conversions: number | null;
            unattributed_conversions: number | null;
            /** @description value of net conversions, whatever traffic says; null where a filter asks for what conversions do not have */
            value: components["schemas"]["Money"] | null;
            /** @description null with a filter by ad group, creative, publisher or country: credit is not kept by them */
            credited_conversions: components["schemas"]["Decimal"] | null;
            /** @description null with a filter by ad group, creative, publisher or country: credit is not kept by them */
            credited_value: components["schemas"]["Money"] | null;
            /** @description credited_value / spend; null without spend */
            roas: components["schemas"]["Decimal"] | null;
            /** @description spend / credited_conversions; null without any */
            cpa: components["schemas"]["Money"] | null;
            /** @description value of conversions without touches; null with a filter by ad group, creative, publisher or country */
            unattributed_value: components["schemas"]["Money"] | null;
            status: components["schemas"]["Status"];
            /** @description the same figures of the range compared with; only with compare; null where there are none */
            previous?: components["schemas"]["Figures"] | null;
            change?: components["schemas"]["Changes"];
        };
        Overview: {
            data: components["schemas"]["Figures"][];
            meta: components["schemas"]["Meta"];
        };
        Point: {
            start: components["schemas"]["Time"];
            end: components["schemas"]["Time"];
            /** @description the range cuts this point */
            partial: boolean;
            currency: string;
            impressions: number;
            clicks: number;
            ctr: components["schemas"]["Decimal"] | null;
            givt_impressions: number;
            sivt_impressions: number;
            givt_clicks: number;
            sivt_clicks: number;
            /** @description invalid impressions and clicks over all of them; null where there are none */
            invalid_rate: components["schemas"]["Decimal"] | null;
            spend: components["schemas"]["Money"];
            invalid_spend: components["schemas"]["Money"];
            conversions: number | null;
            invalid_conversions: number | null;
            duplicate_conversions: number | null;
            retracted_conversions: number | null;
            unattributed_conversions: number | null;
            /** @description value of net conversions, whatever traffic says; null where a filter asks for what conversions do not have */
            value: components["schemas"]["Money"] | null;
            /** @description null with a filter by ad group, creative, publisher or country: credit is not kept by them */
            credited_conversions: components["schemas"]["Decimal"] | null;
            /** @description null with a filter by ad group, creative, publisher or country: credit is not kept by them */
            credited_value: components["schemas"]["Money"] | null;
            /** @description credited_value / spend; null without spend */
            roas: components["schemas"]["Decimal"] | null;
            /** @description spend / credited_conversions; null without any */
            cpa: components["schemas"]["Money"] | null;
            /** @description value of conversions without touches; null with a filter by ad group, creative, publisher or country */
            unattributed_value: components["schemas"]["Money"] | null;
            status: components["schemas"]["Status"];
            /** @description the same figures of the range compared with; only with compare; null where there are none */
            previous?: components["schemas"]["Point"] | null;
            change?: components["schemas"]["Changes"];
            /** @description the watermark has not reached the end of the point: it will still grow */
            open: boolean;
        };
        Timeseries: {
            data: components["schemas"]["Point"][];
            meta: components["schemas"]["Meta"];
        };
        CampaignFigures: {
            campaign_id: string;
            currency: string;
            impressions: number;
            clicks: number;
            ctr: components["schemas"]["Decimal"] | null;
            givt_impressions: number;
            sivt_impressions: number;
            givt_clicks: number;
            sivt_clicks: number;
            /** @description invalid impressions and clicks over all of them; null where there are none */
            invalid_rate: components["schemas"]["Decimal"] | null;
            spend: components["schemas"]["Money"];
            invalid_spend: components["schemas"]["Money"];
            /** @description null with a filter by ad group, creative, publisher or country: credit is not kept by them */
            credited_conversions: components["schemas"]["Decimal"] | null;
            /** @description null with a filter by ad group, creative, publisher or country: credit is not kept by them */
            credited_value: components["schemas"]["Money"] | null;
            /** @description credited_value / spend; null without spend */
            roas: components["schemas"]["Decimal"] | null;
            /** @description spend / credited_conversions; null without any */
            cpa: components["schemas"]["Money"] | null;
            status: components["schemas"]["Status"];
            /** @description the same figures of the range compared with; only with compare; null where there are none */
            previous?: components["schemas"]["CampaignFigures"] | null;
            change?: components["schemas"]["Changes"];
            /** @description one value for each point, as the metric is written elsewhere; see meta.sparkline; only with sparkline */
            sparkline?: (string | null)[];
        };
        ChannelFigures: {
            channel: string;
            currency: string;
            impressions: number;
            clicks: number;
            ctr: components["schemas"]["Decimal"] | null;
            givt_impressions: number;
            sivt_impressions: number;
            givt_clicks: number;
            sivt_clicks: number;
            /** @description invalid impressions and clicks over all of them; null where there are none */
            invalid_rate: components["schemas"]["Decimal"] | null;
            spend: components["schemas"]["Money"];
            invalid_spend: components["schemas"]["Money"];
            /** @description null with a filter by ad group, creative, publisher or country: credit is not kept by them */
            credited_conversions: components["schemas"]["Decimal"] | null;
            /** @description null with a filter by ad group, creative, publisher or country: credit is not kept by them */
            credited_value: components["schemas"]["Money"] | null;
            /** @description credited_value / spend; null without spend */
            roas: components["schemas"]["Decimal"] | null;
            /** @description spend / credited_conversions; null without any */
            cpa: components["schemas"]["Money"] | null;
            status: components["schemas"]["Status"];
        };
        Campaigns: {
            data: components["schemas"]["CampaignFigures"][];
            /** @description pass it as cursor for the next page; null at the end */
            next_cursor: string | null;
            meta: components["schemas"]["Meta"];
        };
        ModelFigures: {
            model: components["schemas"]["Model"];
            currency: string;
            /** @description null with a filter by ad group, creative, publisher or country: credit is not kept by them */
            credited_conversions: components["schemas"]["Decimal"] | null;
            /** @description null with a filter by ad group, creative, publisher or country: credit is not kept by them */
            credited_value: components["schemas"]["Money"] | null;
            /** @description credited_value / spend; null without spend */
            roas: components["schemas"]["Decimal"] | null;
            /** @description spend / credited_conversions; null without any */
            cpa: components["schemas"]["Money"] | null;
        };
        Campaign: {
            data: {
                campaign_id: string;
                totals: components["schemas"]["CampaignFigures"][];
                by_channel: components["schemas"]["ChannelFigures"][];
                by_model: components["schemas"]["ModelFigures"][];
            };
            meta: components["schemas"]["Meta"];
        };
        AttributionRow: {
            channel: string;
            currency: string;
            /** @description the credit of conversions without touches */
            unattributed: boolean;
            spend: components["schemas"]["Money"] | null;
            credited_conversions: components["schemas"]["Decimal"];
            credited_value: components["schemas"]["Money"];
            /** @description credited_value / spend; null without spend */
            roas: components["schemas"]["Decimal"] | null;
            /** @description spend / credited_conversions; null without any */
            cpa: components["schemas"]["Money"] | null;
            status: components["schemas"]["Status"];
        } | {
            campaign_id: string;
            currency: string;
            /** @description the credit of conversions without touches */
            unattributed: boolean;
            spend: components["schemas"]["Money"] | null;
            credited_conversions: components["schemas"]["Decimal"];
            credited_value: components["schemas"]["Money"];
            /** @description credited_value / spend; null without spend */
            roas: components["schemas"]["Decimal"] | null;
            /** @description spend / credited_conversions; null without any */
            cpa: components["schemas"]["Money"] | null;
            status: components["schemas"]["Status"];
        } | {
            creative_id: string;
            currency: string;
            /** @description the credit of conversions without touches */
            unattributed: boolean;
            spend: components["schemas"]["Money"] | null;
            credited_conversions: components["schemas"]["Decimal"];
            credited_value: components["schemas"]["Money"];
            /** @description credited_value / spend; null without spend */
            roas: components["schemas"]["Decimal"] | null;
            /** @description spend / credited_conversions; null without any */
            cpa: components["schemas"]["Money"] | null;
            status: components["schemas"]["Status"];
        };
        Attribution: {
            data: components["schemas"]["AttributionRow"][];
            meta: components["schemas"]["Meta"];
        };
        Credit: {
            credited_conversions: components["schemas"]["Decimal"];
            credited_value: components["schemas"]["Money"];
        };
        ComparisonRow: {
            channel: string;
            currency: string;
            unattributed: boolean;
            models: {
                [key: string]: components["schemas"]["Credit"];
            };
            status: components["schemas"]["Status"];
        } | {
            campaign_id: string;
            currency: string;
            unattributed: boolean;
            models: {
                [key: string]: components["schemas"]["Credit"];
            };
            status: components["schemas"]["Status"];
        };
        Comparison: {
            data: components["schemas"]["ComparisonRow"][];
            meta: components["schemas"]["Meta"];
        };
        Path: {
            path: string[];
            touches: number;
            currency: string;
            conversions: number;
            value: components["schemas"]["Money"];
            steps: components["schemas"]["PathStep"][];
        };
        Paths: {
            /** @description most conversions first */
            data: components["schemas"]["Path"][];
            lengths: components["schemas"]["PathLength"][];
            time_lags: components["schemas"]["TimeLag"][];
            totals: components["schemas"]["PathTotals"][];
            meta: components["schemas"]["Meta"];
        };
        ConversionRow: {
            conversion_id: string;
            person: string;
            event_time: components["schemas"]["Time"];
            conversion_name: string;
            order_id: string;
            original_value: components["schemas"]["Money"];
            value: components["schemas"]["Money"];
            currency: string;
            verdict: string;
            adjusted: string;
            touches: number;
            touches_dropped: number;
            session_id: string;
            status: components["schemas"]["Status"];
            /** @description only with expand=top; null where the conversion has no touches */
            top?: components["schemas"]["TopCredit"] | null;
        };
        Conversions: {
            data: components["schemas"]["ConversionRow"][];
            /** @description pass it as cursor for the next page; null at the end */
            next_cursor: string | null;
        };
        Conversion: {
            data: components["schemas"]["ConversionRow"];
        };
        SessionRow: {
            session_id: string;
            person: string;
            start: components["schemas"]["Time"];
            end: components["schemas"]["Time"];
            events: number;
            impressions: number;
            clicks: number;
            conversions: number;
            entry_channel: string;
            status: components["schemas"]["Status"];
        };
        Sessions: {
            data: components["schemas"]["SessionRow"][];
            /** @description pass it as cursor for the next page; null at the end */
            next_cursor: string | null;
        };
        LateEvent: {
            event_id: string;
            event_time: components["schemas"]["Time"];
            position: string;
            type: string;
            watermark: components["schemas"]["Time"] | null;
            lateness_ms: number;
            payload: string;
        };
        LateEvents: {
            data: components["schemas"]["LateEvent"][];
            /** @description pass it as cursor for the next page; null at the end */
            next_cursor: string | null;
        };
        DeadLetter: {
            position: string;
            code: components["schemas"]["RejectCode"];
            message: string;
            payload: string;
        };
        /** @enum {string} */
        RejectCode: "too_large" | "malformed" | "missing_field" | "bad_field" | "bad_time" | "bad_money" | "future_event_time" | "bad_adjustment";
        DeadLetters: {
            data: components["schemas"]["DeadLetter"][];
            /** @description pass it as cursor for the next page; null at the end */
            next_cursor: string | null;
        };
        Candidate: {
            event_id: string;
            event_time: components["schemas"]["Time"];
            type: string;
            person: string;
            campaign_id: string;
            ad_group_id: string;
            creative_id: string;
            channel: string;
            verdict: string;
            reasons: string[];
            counted: boolean;
            position: number | null;
            /** @description why it was not counted; empty where it was */
            why: string;
        };
        Share: {
            /** @description 1 is the first touch, 0 the whole of an unattributed conversion */
            position: number;
            event_id: string | null;
            weight_numerator: string;
            weight_denominator: string;
            credit_ppm: number;
            credited_conversions: components["schemas"]["Decimal"];
            value: components["schemas"]["Money"];
        };
        ModelCredit: {
            model: components["schemas"]["Model"];
            formula: string;
            additive: boolean;
            shares: components["schemas"]["Share"][];
            total_credited_conversions: components["schemas"]["Decimal"];
            total_value: components["schemas"]["Money"];
        };
        Revision: {
            journal_id: string;
            conversion_id: string;
            model: string;
            touch_time: components["schemas"]["Time"] | null;
            touch_event_id: string;
            touch_type: string;
            delta_ppm: number;
            delta: components["schemas"]["Money"];
            cause: string;
            at: components["schemas"]["Time"];
        };
        Explanation: {
            data: {
                conversion: components["schemas"]["ConversionRow"];
                members: {
                    person: string;
                    linked_by: string | null;
                    linked_at: components["schemas"]["Time"] | null;
                }[];
                lookback: {
                    click: string;
                    impression: string;
                    visit: string;
                };
                max_touches: number;
                counted: number;
                rejected: number;
                candidates: components["schemas"]["Candidate"][];
                models: components["schemas"]["ModelCredit"][];
                rounding: string;
                adjustments: {
                    event_id: string;
                    event_time: components["schemas"]["Time"];
                    kind: string;
                    value: components["schemas"]["Money"] | null;
                    counted: boolean;
                    why: string;
                }[];
                revisions: components["schemas"]["Revision"][];
            };
        };
        FraudSummary: {
            data: {
                totals: {
                    currency: string;
                    gross_impressions: number;
                    givt_impressions: number;
                    sivt_impressions: number;
                    net_impressions: number;
                    gross_clicks: number;
                    givt_clicks: number;
                    sivt_clicks: number;
                    net_clicks: number;
                    invalid_rate: components["schemas"]["Decimal"] | null;
                    gross_spend: components["schemas"]["Money"];
                    invalid_spend: components["schemas"]["Money"];
                    net_spend: components["schemas"]["Money"];
                    gross_conversions: number;
                    invalid_conversions: number;
                    duplicate_conversions: number;
                    net_conversions: number;
                    status: components["schemas"]["Status"];
                }[];
                by_reason: {
                    reason: string;
                    verdict: string;
                    tier: number;
                    type: string;
                    currency: string;
                    events: number;
                    spend: components["schemas"]["Money"];
                }[];
                by_publisher: {
                    publisher_id: string;
                    reason: string;
                    currency: string;
                    events: number;
                    spend: components["schemas"]["Money"];
                }[];
                /** @description most invalid spend first */
                by_campaign: {
                    campaign_id: string;
                    currency: string;
                    gross_impressions: number;
                    invalid_impressions: number;
                    gross_clicks: number;
                    invalid_clicks: number;
                    invalid_rate: components["schemas"]["Decimal"] | null;
                    gross_spend: components["schemas"]["Money"];
                    invalid_spend: components["schemas"]["Money"];
                    net_spend: components["schemas"]["Money"];
                    status: components["schemas"]["Status"];
                }[];
                by_campaign_reason: {
                    campaign_id: string;
                    reason: string;
                    currency: string;
                    events: number;
                    spend: components["schemas"]["Money"];
                }[];
            };
            meta: components["schemas"]["Meta"];
        };
        Verdicts: {
            data: {
                event_id: string;
                event_time: components["schemas"]["Time"];
                person: string;
                type: string;
                campaign_id: string;
                verdict: string;
                tier: number;
                reasons: string[];
                shadow_reasons: string[];
                score: string;
                version: string;
            }[];
        };
        Quantiles: {
            count: number;
            p50_us: number;
            p95_us: number;
            p99_us: number;
        };
        Pipeline: {
            data: {
                ready: boolean;
                not_ready: string[];
                degraded: string[];
                version: string;
                started: components["schemas"]["Time"] | null;
                as_of: components["schemas"]["Time"];
                watermark: components["schemas"]["Time"] | null;
                watermark_lag_ms: number | null;
                commit: number;
                epoch: number;
                shards: number;
                inputs: {
                    name: string;
                    /** @enum {string} */
                    state: "active" | "idle" | "finished" | "failing";
                    watermark: components["schemas"]["Time"] | null;
                    watermark_lag_ms: number | null;
                    records: number;
                    behind: number | null;
                    error: string | null;
                }[];
                sinks: {
                    name: string;
                    state: string;
                    outbox_rows: number;
                    lag_ms: number;
                    commit: number;
                    watermark: components["schemas"]["Time"] | null;
                    error: string | null;
                }[];
                counts: {
                    records: number;
                    late: number;
                    too_late: number;
                    duplicates: number;
                    conflicts: number;
                    money_rounded: number;
                    dead_letters: number;
                    dead_letters_by_code: {
                        [key: string]: number;
                    };
                    dropped_fields: {
                        [key: string]: number;
                    };
                };
                latency: {
                    tick: components["schemas"]["Quantiles"];
                    durable: components["schemas"]["Quantiles"];
                    visible: components["schemas"]["Quantiles"];
                };
                disk: {
                    bytes: number;
                    budget_bytes: number | null;
                    outbox_rows: number;
                };
            };
        };
        CollectResult: {
            accepted: number;
            duplicates: number;
            /** @description too late: kept in late-events, changed nothing */
            late: number;
            rejected: {
                index: number;
                code: components["schemas"]["RejectCode"];
                message: string;
            }[];
        };
        /** @description One event. Unknown fields are ignored; null and "" mean absent. */
        Event: {
            event_id: string | number;
            /** @description impression, click, conversion, identify, adjustment, or the name of a behavioural event */
            type?: string;
            /** @description RFC 3339 with offset, or milliseconds since the Unix epoch */
            event_time: string | number;
            user_id?: string | number | null;
            anonymous_id?: string | number | null;
            campaign_id?: string | number | null;
            ad_group_id?: string | number | null;
            creative_id?: string | number | null;
            publisher_id?: string | number | null;
            order_id?: string | number | null;
            adjusts?: string | number | null;
            channel?: string | null;
            source?: string | null;
            medium?: string | null;
            campaign?: string | null;
            term?: string | null;
            content?: string | null;
            page_url?: string | null;
            referrer?: string | null;
            ip?: string | null;
            user_agent?: string | null;
            country?: string | null;
            device_id?: string | null;
            currency?: string | null;
            conversion_name?: string | null;
            cost?: number | string | null;
            value?: number | string | null;
            /** @enum {unknown} */
            kind?: "retract" | "restate" | null;
            experiments?: Record<string, never> | null;
            properties?: Record<string, never> | null;
        } & {
            [key: string]: unknown;
        };
        Problem: {
            type: string;
            title: string;
            status: number;
            /** @description stable; the other words may change */
            code: string;
            detail?: string;
            parameter?: string;
            accepted?: string[];
            request_id?: string;
        };
        /** @description The range that figures are compared with. Where the range of the answer reaches beyond now, its end stands for the same time of day as now; of time series it is whole. */
        CompareMeta: {
            /** @enum {string} */
            mode: "previous_period" | "yesterday" | "last_week";
            from: components["schemas"]["Time"];
            to: components["schemas"]["Time"];
            /** @description the first minute that there are data of, where that lies behind from: the range was not recorded whole, and changes against it say little; null where there are data from before it */
            data_from: components["schemas"]["Time"] | null;
            status: components["schemas"]["Status"];
        };
        SparklineMeta: {
            metric: string;
            start: components["schemas"]["Time"];
            /** @description width of a point; the last may reach beyond the range */
            step_ms: number;
            points: number;
            /** @description index of the first point that the watermark has not passed */
            open_from: number | null;
        };
        /** @description Change against `previous`: (now - before) / before with 4 places, half to even; null where before is 0 or unknown. */
        Changes: {
            impressions: components["schemas"]["Decimal"] | null;
            clicks: components["schemas"]["Decimal"] | null;
            ctr: components["schemas"]["Decimal"] | null;
            invalid_rate: components["schemas"]["Decimal"] | null;
            spend: components["schemas"]["Decimal"] | null;
            conversions?: components["schemas"]["Decimal"] | null;
            value?: components["schemas"]["Decimal"] | null;
            credited_conversions: components["schemas"]["Decimal"] | null;
            credited_value: components["schemas"]["Decimal"] | null;
            roas: components["schemas"]["Decimal"] | null;
            cpa: components["schemas"]["Decimal"] | null;
        };
        /** @description One step of a path, with what it is credited under `model`. */
        PathStep: {
            /** @description the channel or campaign; empty where a touch has none */
            name: string;
            credited_conversions: components["schemas"]["Decimal"];
            credited_value: components["schemas"]["Money"];
        };
        PathLength: {
            /** @description touches before the conversion */
            touches: number;
            currency: string;
            conversions: number;
            value: components["schemas"]["Money"];
        };
        /** @description Conversions by the time from their first touch. */
        TimeLag: {
            /** @description included */
            from_ms: number;
            /** @description not included; null is without end */
            to_ms: number | null;
            currency: string;
            conversions: number;
            value: components["schemas"]["Money"];
        };
        PathTotals: {
            currency: string;
            /** @description net conversions, with touches or without */
            conversions: number;
            /** @description of these, without touches */
            unattributed: number;
            value: components["schemas"]["Money"];
            /** @description different paths */
            paths: number;
            /** @description touches of all paths */
            touches: number;
            /** @description half of the conversions with touches came sooner after their first touch */
            median_lag_ms: number | null;
            median_touches: number | null;
        };
        /** @description The channel and campaign with most credit under `model`; of equals the later touch. */
        TopCredit: {
            channel: string;
            campaign_id: string;
            credit_ppm: number;
            model: string;
        };
        /** @enum {string} */
        AlertKind: "not_ready" | "intake_paused" | "watermark_lag" | "input_stopped" | "input_failing" | "sink_down" | "sink_behind" | "disk_filling" | "dead_letters" | "late_events" | "conversions_stopped" | "invalid_spike" | "spend_without_conversions" | "campaign_stopped";
        /** @enum {string} */
        AlertSeverity: "critical" | "warning" | "info";
        Alert: {
            /** @description stable while the condition holds and when it comes back: the kind and its subject */
            id: string;
            kind: components["schemas"]["AlertKind"];
            severity: components["schemas"]["AlertSeverity"];
            /** @description one sentence: what is wrong */
            title: string;
            /** @description the figures behind it */
            detail: string;
            /** @description what to do */
            action: string;
            since: components["schemas"]["Time"];
            subject: {
                /** @enum {string} */
                type: "campaign" | "input" | "sink" | "pipeline";
                /** @description empty for the pipeline */
                id: string;
            };
            /** @description the money that it is about; null where none can be named */
            stake: components["schemas"]["Money"] | null;
            /** @description what the stake is, in words; empty without one */
            stake_note: string;
            /** @description where to look: a path of the dashboard */
            link: string;
        };
        Alerts: {
            /** @description critical first, then by the money at stake */
            data: components["schemas"]["Alert"][];
            next_cursor: string | null;
            meta: {
                as_of: components["schemas"]["Time"];
                watermark: components["schemas"]["Time"] | null;
                epoch: string;
                seq: number;
                /** @description of all alerts that pass the filters */
                counts: {
                    critical: number;
                    warning: number;
                    info: number;
                };
            };
        };
        ExportRequest: {
            /** @description logical tables, or all */
            tables: string[];
            /** @description start of the range, included: an RFC 3339 time or a span before now such as -24h; without from and to, all that is kept */
            from?: string;
            /** @description end of the range, not included: like from */
            to?: string;
            /**
             * @default ndjson
             * @enum {string}
             */
            format: "ndjson" | "csv" | "parquet";
            /**
             * @default none
             * @enum {string}
             */
            compression: "none" | "gzip" | "zstd";
            /**
             * @description download, or the URL of a bucket, such as s3://bucket/prefix?region=eu-central-1
             * @default download
             */
            destination: string;
        };
        Export: {
            id: string;
            /** @enum {string} */
            state: "queued" | "running" | "done" | "failed" | "cancelled";
            tables: string[];
            from: components["schemas"]["Time"] | null;
            to: components["schemas"]["Time"] | null;
            format: string;
            compression: string;
            /** @description download, or the URL of a bucket */
            destination: string;
            /** @description persons are replaced: who asked may not see them */
            pseudonyms: boolean;
            created: components["schemas"]["Time"];
            created_by: string;
            started: components["schemas"]["Time"] | null;
            ended: components["schemas"]["Time"] | null;
            /** @description when the files are deleted */
            expires: components["schemas"]["Time"] | null;
            /** @description how often it began anew because the program stopped */
            restarts: number;
            /** @description the table that is being written */
            table: string | null;
            rows: number;
            bytes: number;
            rows_per_second: number;
            /** @description 0 to 1 */
            progress: string;
            epoch: number | null;
            /** @description the commit that all tables show */
            commit: number | null;
            watermark: components["schemas"]["Time"] | null;
            files: {
                table: string;
                name: string;
                rows: number;
                bytes: number;
                sha256: string;
                /** @description path of the file once the export is done */
                download: string | null;
            }[];
            error: string | null;
        };
        ExportJob: {
            data: components["schemas"]["Export"];
        };
        Exports: {
            /** @description newest first */
            data: components["schemas"]["Export"][];
            next_cursor: string | null;
        };
        /** @enum {string} */
        LiveChannel: "kpis" | "series" | "campaigns" | "attribution" | "conversions" | "alerts" | "paths" | "fraud" | "health";
        /** @description What a client sends. */
        LiveRequest: {
            /** @enum {string} */
            op: "subscribe" | "unsubscribe" | "ping";
            /** @description name of the subscription, chosen by the client, at most 64 bytes; default the channel. Subscribing under a name that is taken replaces it. */
            id?: string;
            ch?: components["schemas"]["LiveChannel"];
            /** @description the query parameters of the channel's route; a value is a string, a number, or a list of strings */
            params?: {
                [key: string]: string | number | boolean | unknown[];
            };
            /** @description of what the client has: only what changed since is sent */
            epoch?: string;
            /** @description of what the client has */
            seq?: number;
        };
        /** @description The first message of a connection. */
        LiveHello: {
            /** @constant */
            op: "hello";
            epoch: string;
            seq: number;
            as_of: components["schemas"]["Time"];
            /** @description path of the REST answer to begin with */
            snapshot: string;
            channels: components["schemas"]["LiveChannel"][];
            /** @description something is sent at least so often; a client that hears nothing for twice as long should connect anew */
            beat_ms: number;
            max_subscriptions: number;
        };
        LiveSubscribed: {
            /** @constant */
            op: "subscribed";
            id: string;
            ch: components["schemas"]["LiveChannel"];
            epoch: string;
            seq: number;
            /** @description path of the REST answer that shows the same */
            snapshot: string;
            /** @description least time between two frames */
            gap_ms: number;
        };
        /** @description Absolute values. Apply a frame when prev is at most the seq that you have and seq is greater; drop it when seq is not greater; when prev is greater, frames were missed: subscribe anew. */
        LiveFrame: {
            /** @constant */
            op: "frame";
            /** @description the subscription */
            id: string;
            ch: components["schemas"]["LiveChannel"];
            epoch: string;
            /** @description number of the state that the frame leads to */
            seq: number;
            /** @description number of the state that it builds on; 0: the frame is complete, and what is not in it does not exist */
            prev: number;
            as_of: components["schemas"]["Time"];
            /** @description the meta of the REST answer */
            meta: Record<string, never>;
            /** @description entries by key: each is the whole entry of the REST answer, never a difference */
            set: {
                [key: string]: unknown;
            };
            /** @description keys of entries that are gone */
            del: string[];
            /** @description all keys in the order of the REST answer; only where the order matters and changed */
            order?: string[];
        };
        /** @description What the client has cannot be continued: the process is another one (epoch), or too much has changed (gap). Drop it; a complete frame follows. */
        LiveReset: {
            /** @constant */
            op: "reset";
            id: string;
            ch: components["schemas"]["LiveChannel"];
            epoch: string;
            seq: number;
            /** @enum {string} */
            reason: "epoch" | "gap";
        };
        /** @description Nothing changed, and the server is there. */
        LiveBeat: {
            /** @constant */
            op: "beat";
            epoch: string;
            seq: number;
            as_of: components["schemas"]["Time"];
        };
        LiveUnsubscribed: {
            /** @constant */
            op: "unsubscribed";
            id: string;
        };
        /** @description A request was refused, or a subscription cannot be answered for now; other subscriptions go on. */
        LiveError: {
            /** @constant */
            op: "error";
            id: string;
            problem: components["schemas"]["Problem"];
        };
        /** @description What the server sends. */
        LiveMessage: components["schemas"]["LiveHello"] | components["schemas"]["LiveSubscribed"] | components["schemas"]["LiveFrame"] | components["schemas"]["LiveReset"] | components["schemas"]["LiveBeat"] | components["schemas"]["LiveUnsubscribed"] | components["schemas"]["LiveError"];
        ExportRemoved: {
            data: {
                id: string;
                removed: boolean;
            };
        };
        /** @description the rows of a table */
        ExportedRows: string;
        SinkStates: {
            data: {
                name: string;
                /** @description the directory or bucket */
                where: string | null;
                /** @enum {string} */
                state: "ok" | "catching_up" | "down";
                /** @description every row is being written again */
                resyncing: boolean;
                commit: number;
                watermark: components["schemas"]["Time"] | null;
                /** @description age of the oldest change that it lacks */
                lag_ms: number;
                /** @description changed rows that it lacks, about */
                outbox_rows: number;
                /** @description sent since the start, repeats included */
                rows: number;
                bytes: number;
                batches: number;
                resyncs: number;
                failures: number;
                last_success: components["schemas"]["Time"] | null;
                /** @description of the last round */
                error: string | null;
                error_at: components["schemas"]["Time"] | null;
                next_try: components["schemas"]["Time"] | null;
                /** @description what an operator can do */
                advice: string | null;
                /** @description it can be compared with the state */
                reconciles: boolean;
            }[];
        };
        Reconciliation: {
            data: {
                sink: string;
                epoch: number;
                commit: number;
                watermark: components["schemas"]["Time"] | null;
                equal: boolean;
                tables: {
                    table: string;
                    kept: boolean;
                    state_rows: number;
                    sink_rows: number;
                    differences: number;
                }[];
                /** @description the first 200 */
                differences: {
                    table: string;
                    /** @description day and currency */
                    group: string;
                    column: string;
                    state: number;
                    sink: number;
                }[];
                differences_total: number;
            };
        };
        SinkResync: {
            data: {
                sink: string;
                resyncing: boolean;
            };
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    sendEvents: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** @description At most 10000 records, 16 MiB as sent and 64 MiB unpacked. Content-Encoding gzip and zstd are taken. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["Event"] | components["schemas"]["Event"][];
                "application/x-ndjson": string;
            };
        };
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CollectResult"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Acceptable */
            406: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Request Entity Too Large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unsupported Media Type */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too Many Requests */
            429: {
                headers: {
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getOverview: {
        parameters: {
            query?: {
                /**
                 * @description start of the range, included: an RFC 3339 time such as 2025-01-31T14:00:00Z, "now", or a span before now such as -1h or -7d
                 * @example -24h
                 */
                from?: string;
                /**
                 * @description end of the range, not included: like from
                 * @example now
                 */
                to?: string;
                /**
                 * @description IANA name of the timezone in which hours and days are cut
                 * @example Europe/Berlin
                 */
                timezone?: string;
                /** @description attribution model of the credited figures; participation sums to more than the total */
                model?: "first_touch" | "last_touch" | "last_non_direct" | "linear" | "position_based" | "j_shaped" | "inverse_j" | "time_decay" | "participation";
                /** @description where credit counts in time; by touch time the range is widened to whole hours */
                basis?: "conversion_time" | "touch_time";
                /** @description net leaves out invalid traffic and what it cost; credit and value are net in both */
                traffic?: "net" | "gross";
                /**
                 * @description only these campaigns; a comma list, an empty value means absent, \, is a comma in a value
                 * @example [
                 *       "spring-sale",
                 *       "brand"
                 *     ]
                 */
                campaign_id?: string[];
                /**
                 * @description only these channels; a comma list, an empty value means absent, \, is a comma in a value
                 * @example [
                 *       "Paid Search",
                 *       "Email"
                 *     ]
                 */
                channel?: string[];
                /**
                 * @description only these currencies; a comma list, an empty value means absent, \, is a comma in a value
                 * @example [
                 *       "USD"
                 *     ]
                 */
                currency?: string[];
                /** @description also give the figures of an earlier range and the change: the range just before, the same times of yesterday, or those of the same day a week ago, by the clock of the timezone */
                compare?: "none" | "previous_period" | "yesterday" | "last_week";
                /**
                 * @description only these ad groups (delivery is then taken from whole hours; conversions and credit, which are not kept by them, are null); a comma list, an empty value means absent, \, is a comma in a value
                 * @example [
                 *       "ag-1"
                 *     ]
                 */
                ad_group_id?: string[];
                /**
                 * @description only these creatives (delivery is then taken from whole hours; conversions and credit, which are not kept by them, are null); a comma list, an empty value means absent, \, is a comma in a value
                 * @example [
                 *       "cr-7"
                 *     ]
                 */
                creative_id?: string[];
                /**
                 * @description only these publishers (delivery is then taken from whole hours; conversions and credit, which are not kept by them, are null); a comma list, an empty value means absent, \, is a comma in a value
                 * @example [
                 *       "pub-3"
                 *     ]
                 */
                publisher_id?: string[];
                /**
                 * @description only these countries (delivery is then taken from whole hours; conversions and credit, which are not kept by them, are null); a comma list, an empty value means absent, \, is a comma in a value
                 * @example [
                 *       "DE",
                 *       "FR"
                 *     ]
                 */
                country?: string[];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Overview"];
                    "text/csv": string;
                    "application/x-ndjson": string;
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Acceptable */
            406: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getTimeseries: {
        parameters: {
            query?: {
                /**
                 * @description start of the range, included: an RFC 3339 time such as 2025-01-31T14:00:00Z, "now", or a span before now such as -1h or -7d
                 * @example -24h
                 */
                from?: string;
                /**
                 * @description end of the range, not included: like from
                 * @example now
                 */
                to?: string;
                /**
                 * @description IANA name of the timezone in which hours and days are cut
                 * @example Europe/Berlin
                 */
                timezone?: string;
                /** @description attribution model of the credited figures; participation sums to more than the total */
                model?: "first_touch" | "last_touch" | "last_non_direct" | "linear" | "position_based" | "j_shaped" | "inverse_j" | "time_decay" | "participation";
                /** @description where credit counts in time; by touch time the range is widened to whole hours */
                basis?: "conversion_time" | "touch_time";
                /** @description net leaves out invalid traffic and what it cost; credit and value are net in both */
                traffic?: "net" | "gross";
                /**
                 * @description only these campaigns; a comma list, an empty value means absent, \, is a comma in a value
                 * @example [
                 *       "spring-sale",
                 *       "brand"
                 *     ]
                 */
                campaign_id?: string[];
                /**
                 * @description only these channels; a comma list, an empty value means absent, \, is a comma in a value
                 * @example [
                 *       "Paid Search",
                 *       "Email"
                 *     ]
                 */
                channel?: string[];
                /**
                 * @description only these currencies; a comma list, an empty value means absent, \, is a comma in a value
                 * @example [
                 *       "USD"
                 *     ]
                 */
                currency?: string[];
                /** @description width of the points; hours and days are those of the timezone, also where its clock changes */
                interval?: "minute" | "hour" | "day";
                /** @description also give the figures of an earlier range and the change: the range just before, the same times of yesterday, or those of the same day a week ago, by the clock of the timezone */
                compare?: "none" | "previous_period" | "yesterday" | "last_week";
                /**
                 * @description only these ad groups (delivery is then taken from whole hours; conversions and credit, which are not kept by them, are null); a comma list, an empty value means absent, \, is a comma in a value
                 * @example [
                 *       "ag-1"
                 *     ]
                 */
                ad_group_id?: string[];
                /**
                 * @description only these creatives (delivery is then taken from whole hours; conversions and credit, which are not kept by them, are null); a comma list, an empty value means absent, \, is a comma in a value
                 * @example [
                 *       "cr-7"
                 *     ]
                 */
                creative_id?: string[];
                /**
                 * @description only these publishers (delivery is then taken from whole hours; conversions and credit, which are not kept by them, are null); a comma list, an empty value means absent, \, is a comma in a value
                 * @example [
                 *       "pub-3"
                 *     ]
                 */
                publisher_id?: string[];
                /**
                 * @description only these countries (delivery is then taken from whole hours; conversions and credit, which are not kept by them, are null); a comma list, an empty value means absent, \, is a comma in a value
                 * @example [
                 *       "DE",
                 *       "FR"
                 *     ]
                 */
                country?: string[];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Timeseries"];
                    "text/csv": string;
                    "application/x-ndjson": string;
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Acceptable */
            406: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listCampaigns: {
        parameters: {
            query?: {
                /**
                 * @description start of the range, included: an RFC 3339 time such as 2025-01-31T14:00:00Z, "now", or a span before now such as -1h or -7d
                 * @example -24h
                 */
                from?: string;
                /**
                 * @description end of the range, not included: like from
                 * @example now
                 */
                to?: string;
                /**
                 * @description IANA name of the timezone in which hours and days are cut
                 * @example Europe/Berlin
                 */
                timezone?: string;
                /** @description attribution model of the credited figures; participation sums to more than the total */
                model?: "first_touch" | "last_touch" | "last_non_direct" | "linear" | "position_based" | "j_shaped" | "inverse_j" | "time_decay" | "participation";
                /** @description where credit counts in time; by touch time the range is widened to whole hours */
                basis?: "conversion_time" | "touch_time";
                /** @description net leaves out invalid traffic and what it cost; credit and value are net in both */
                traffic?: "net" | "gross";
                /**
                 * @description only these campaigns; a comma list, an empty value means absent, \, is a comma in a value
                 * @example [
                 *       "spring-sale",
                 *       "brand"
                 *     ]
                 */
                campaign_id?: string[];
                /**
                 * @description only these channels; a comma list, an empty value means absent, \, is a comma in a value
                 * @example [
                 *       "Paid Search",
                 *       "Email"
                 *     ]
                 */
                channel?: string[];
                /**
                 * @description only these currencies; a comma list, an empty value means absent, \, is a comma in a value
                 * @example [
                 *       "USD"
                 *     ]
                 */
                currency?: string[];
                /** @description also give the figures of an earlier range and the change: the range just before, the same times of yesterday, or those of the same day a week ago, by the clock of the timezone */
                compare?: "none" | "previous_period" | "yesterday" | "last_week";
                /** @description also give this metric over time for each row, in at most 60 points */
                sparkline?: "spend" | "credited_value" | "credited_conversions" | "roas" | "impressions" | "clicks" | "invalid_rate";
                /**
                 * @description rows in an answer, 1 to 1000
                 * @example 20
                 */
                limit?: number;
                /** @description next_cursor of the answer before */
                cursor?: string;
                /**
                 * @description only these ad groups (delivery is then taken from whole hours; conversions and credit, which are not kept by them, are null); a comma list, an empty value means absent, \, is a comma in a value
                 * @example [
                 *       "ag-1"
                 *     ]
                 */
                ad_group_id?: string[];
                /**
                 * @description only these creatives (delivery is then taken from whole hours; conversions and credit, which are not kept by them, are null); a comma list, an empty value means absent, \, is a comma in a value
                 * @example [
                 *       "cr-7"
                 *     ]
                 */
                creative_id?: string[];
                /**
                 * @description only these publishers (delivery is then taken from whole hours; conversions and credit, which are not kept by them, are null); a comma list, an empty value means absent, \, is a comma in a value
                 * @example [
                 *       "pub-3"
                 *     ]
                 */
                publisher_id?: string[];
                /**
                 * @description only these countries (delivery is then taken from whole hours; conversions and credit, which are not kept by them, are null); a comma list, an empty value means absent, \, is a comma in a value
                 * @example [
                 *       "DE",
                 *       "FR"
                 *     ]
                 */
                country?: string[];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Campaigns"];
                    "text/csv": string;
                    "application/x-ndjson": string;
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Acceptable */
            406: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getCampaign: {
        parameters: {
            query?: {
                /**
                 * @description start of the range, included: an RFC 3339 time such as 2025-01-31T14:00:00Z, "now", or a span before now such as -1h or -7d
                 * @example -24h
                 */
                from?: string;
                /**
                 * @description end of the range, not included: like from
                 * @example now
                 */
                to?: string;
                /**
                 * @description IANA name of the timezone in which hours and days are cut
                 * @example Europe/Berlin
                 */
                timezone?: string;
                /** @description attribution model of the credited figures; participation sums to more than the total */
                model?: "first_touch" | "last_touch" | "last_non_direct" | "linear" | "position_based" | "j_shaped" | "inverse_j" | "time_decay" | "participation";
                /** @description where credit counts in time; by touch time the range is widened to whole hours */
                basis?: "conversion_time" | "touch_time";
                /** @description net leaves out invalid traffic and what it cost; credit and value are net in both */
                traffic?: "net" | "gross";
                /**
                 * @description only these channels; a comma list, an empty value means absent, \, is a comma in a value
                 * @example [
                 *       "Paid Search",
                 *       "Email"
                 *     ]
                 */
                channel?: string[];
                /**
                 * @description only these currencies; a comma list, an empty value means absent, \, is a comma in a value
                 * @example [
                 *       "USD"
                 *     ]
                 */
                currency?: string[];
            };
            header?: never;
            path: {
                /**
                 * @description the campaign_id
                 * @example spring-sale
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Campaign"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Acceptable */
            406: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getAttribution: {
        parameters: {
            query?: {
                /**
                 * @description start of the range, included: an RFC 3339 time such as 2025-01-31T14:00:00Z, "now", or a span before now such as -1h or -7d
                 * @example -24h
                 */
                from?: string;
                /**
                 * @description end of the range, not included: like from
                 * @example now
                 */
                to?: string;
                /**
                 * @description IANA name of the timezone in which hours and days are cut
                 * @example Europe/Berlin
                 */
                timezone?: string;
                /** @description attribution model of the credited figures; participation sums to more than the total */
                model?: "first_touch" | "last_touch" | "last_non_direct" | "linear" | "position_based" | "j_shaped" | "inverse_j" | "time_decay" | "participation";
                /** @description where credit counts in time; by touch time the range is widened to whole hours */
                basis?: "conversion_time" | "touch_time";
                /** @description net leaves out invalid traffic and what it cost; credit and value are net in both */
                traffic?: "net" | "gross";
                /**
                 * @description only these campaigns; a comma list, an empty value means absent, \, is a comma in a value
                 * @example [
                 *       "spring-sale",
                 *       "brand"
                 *     ]
                 */
                campaign_id?: string[];
                /**
                 * @description only these channels; a comma list, an empty value means absent, \, is a comma in a value
                 * @example [
                 *       "Paid Search",
                 *       "Email"
                 *     ]
                 */
                channel?: string[];
                /**
                 * @description only these currencies; a comma list, an empty value means absent, \, is a comma in a value
                 * @example [
                 *       "USD"
                 *     ]
                 */
                currency?: string[];
                /** @description what to group by */
                group_by?: "channel" | "campaign" | "creative";
                /**
                 * @description only these ad groups; with group_by=creative; a comma list, an empty value means absent, \, is a comma in a value
                 * @example [
                 *       "ag-1"
                 *     ]
                 */
                ad_group_id?: string[];
                /**
                 * @description only these creatives; with group_by=creative; a comma list, an empty value means absent, \, is a comma in a value
                 * @example [
                 *       "cr-7"
                 *     ]
                 */
                creative_id?: string[];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Attribution"];
                    "text/csv": string;
                    "application/x-ndjson": string;
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Acceptable */
            406: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    compareModels: {
        parameters: {
            query?: {
                /**
                 * @description start of the range, included: an RFC 3339 time such as 2025-01-31T14:00:00Z, "now", or a span before now such as -1h or -7d
                 * @example -24h
                 */
                from?: string;
                /**
                 * @description end of the range, not included: like from
                 * @example now
                 */
                to?: string;
                /**
                 * @description IANA name of the timezone in which hours and days are cut
                 * @example Europe/Berlin
                 */
                timezone?: string;
                /** @description where credit counts in time; by touch time the range is widened to whole hours */
                basis?: "conversion_time" | "touch_time";
                /** @description the models to compare, a comma list; all by default */
                models?: ("first_touch" | "last_touch" | "last_non_direct" | "linear" | "position_based" | "j_shaped" | "inverse_j" | "time_decay" | "participation")[];
                /**
                 * @description only these campaigns; a comma list, an empty value means absent, \, is a comma in a value
                 * @example [
                 *       "spring-sale",
                 *       "brand"
                 *     ]
                 */
                campaign_id?: string[];
                /**
                 * @description only these channels; a comma list, an empty value means absent, \, is a comma in a value
                 * @example [
                 *       "Paid Search",
                 *       "Email"
                 *     ]
                 */
                channel?: string[];
                /**
                 * @description only these currencies; a comma list, an empty value means absent, \, is a comma in a value
                 * @example [
                 *       "USD"
                 *     ]
                 */
                currency?: string[];
                /** @description what to group by */
                group_by?: "channel" | "campaign";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Comparison"];
                    "text/csv": string;
                    "application/x-ndjson": string;
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Acceptable */
            406: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getPaths: {
        parameters: {
            query?: {
                /**
                 * @description start of the range, included: an RFC 3339 time such as 2025-01-31T14:00:00Z, "now", or a span before now such as -1h or -7d
                 * @example -24h
                 */
                from?: string;
                /**
                 * @description end of the range, not included: like from
                 * @example now
                 */
                to?: string;
                /**
                 * @description IANA name of the timezone in which hours and days are cut
                 * @example Europe/Berlin
                 */
                timezone?: string;
                /** @description attribution model of the credited figures; participation sums to more than the total */
                model?: "first_touch" | "last_touch" | "last_non_direct" | "linear" | "position_based" | "j_shaped" | "inverse_j" | "time_decay" | "participation";
                /**
                 * @description only conversions of these names; a comma list, an empty value means absent, \, is a comma in a value
                 * @example [
                 *       "purchase"
                 *     ]
                 */
                conversion_name?: string[];
                /**
                 * @description only paths with a touch of one of these campaigns; a comma list, an empty value means absent, \, is a comma in a value
                 * @example [
                 *       "spring-sale"
                 *     ]
                 */
                campaign_id?: string[];
                /**
                 * @description only paths with a touch of one of these channels; a comma list, an empty value means absent, \, is a comma in a value
                 * @example [
                 *       "Email"
                 *     ]
                 */
                channel?: string[];
                /**
                 * @description only these currencies; a comma list, an empty value means absent, \, is a comma in a value
                 * @example [
                 *       "USD"
                 *     ]
                 */
                currency?: string[];
                /**
                 * @description rows in an answer, 1 to 1000
                 * @example 20
                 */
                limit?: number;
                /** @description what a path is made of */
                group_by?: "channel" | "campaign";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Paths"];
                    "text/csv": string;
                    "application/x-ndjson": string;
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Acceptable */
            406: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listConversions: {
        parameters: {
            query?: {
                /**
                 * @description start of the range, included: an RFC 3339 time such as 2025-01-31T14:00:00Z, "now", or a span before now such as -1h or -7d; without from and to, all that is kept
                 * @example -24h
                 */
                from?: string;
                /**
                 * @description end of the range, not included: like from
                 * @example now
                 */
                to?: string;
                /**
                 * @description rows in an answer, 1 to 1000
                 * @example 20
                 */
                limit?: number;
                /** @description next_cursor of the answer before */
                cursor?: string;
                /**
                 * @description only conversions of these names; a comma list, an empty value means absent, \, is a comma in a value
                 * @example [
                 *       "purchase"
                 *     ]
                 */
                conversion_name?: string[];
                /**
                 * @description only these orders; a comma list, an empty value means absent, \, is a comma in a value
                 * @example [
                 *       "o-1001"
                 *     ]
                 */
                order_id?: string[];
                /**
                 * @description only these persons, as u:... or a:...; a comma list, an empty value means absent, \, is a comma in a value
                 * @example [
                 *       "u:42"
                 *     ]
                 */
                person?: string[];
                /**
                 * @description only these currencies; a comma list, an empty value means absent, \, is a comma in a value
                 * @example [
                 *       "USD"
                 *     ]
                 */
                currency?: string[];
                /**
                 * @description only these verdicts; a comma list, an empty value means absent, \, is a comma in a value
                 * @example [
                 *       "valid"
                 *     ]
                 */
                verdict?: ("valid" | "givt" | "sivt" | "undecided" | "duplicate")[];
                /**
                 * @description only these adjustments; a comma list, an empty value means absent, \, is a comma in a value
                 * @example [
                 *       "retracted"
                 *     ]
                 */
                adjusted?: ("retracted" | "restated" | "")[];
                /**
                 * @description only these statuses; a comma list, an empty value means absent, \, is a comma in a value
                 * @example [
                 *       "provisional"
                 *     ]
                 */
                status?: ("provisional" | "final" | "restated")[];
                /** @description top: also give the channel and campaign with most credit under the model */
                expand?: "top";
                /** @description attribution model of the credited figures; participation sums to more than the total */
                model?: "first_touch" | "last_touch" | "last_non_direct" | "linear" | "position_based" | "j_shaped" | "inverse_j" | "time_decay" | "participation";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Conversions"];
                    "text/csv": string;
                    "application/x-ndjson": string;
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Acceptable */
            406: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getConversion: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description the conversion_id
                 * @example v-1
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Conversion"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Acceptable */
            406: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    explainConversion: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description the conversion_id
                 * @example v-1
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Explanation"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Acceptable */
            406: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listSessions: {
        parameters: {
            query?: {
                /**
                 * @description start of the range, included: an RFC 3339 time such as 2025-01-31T14:00:00Z, "now", or a span before now such as -1h or -7d; without from and to, all that is kept
                 * @example -24h
                 */
                from?: string;
                /**
                 * @description end of the range, not included: like from
                 * @example now
                 */
                to?: string;
                /**
                 * @description rows in an answer, 1 to 1000
                 * @example 20
                 */
                limit?: number;
                /** @description next_cursor of the answer before */
                cursor?: string;
                /**
                 * @description only these persons, as u:... or a:...; a comma list, an empty value means absent, \, is a comma in a value
                 * @example [
                 *       "u:42"
                 *     ]
                 */
                person?: string[];
                /**
                 * @description only these channels; a comma list, an empty value means absent, \, is a comma in a value
                 * @example [
                 *       "Email"
                 *     ]
                 */
                entry_channel?: string[];
                /**
                 * @description only these statuses; a comma list, an empty value means absent, \, is a comma in a value
                 * @example [
                 *       "provisional"
                 *     ]
                 */
                status?: ("provisional" | "final" | "restated")[];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Sessions"];
                    "text/csv": string;
                    "application/x-ndjson": string;
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Acceptable */
            406: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getFraudSummary: {
        parameters: {
            query?: {
                /**
                 * @description start of the range, included: an RFC 3339 time such as 2025-01-31T14:00:00Z, "now", or a span before now such as -1h or -7d
                 * @example -24h
                 */
                from?: string;
                /**
                 * @description end of the range, not included: like from
                 * @example now
                 */
                to?: string;
                /**
                 * @description IANA name of the timezone in which hours and days are cut
                 * @example Europe/Berlin
                 */
                timezone?: string;
                /**
                 * @description only these campaigns; a comma list, an empty value means absent, \, is a comma in a value
                 * @example [
                 *       "spring-sale",
                 *       "brand"
                 *     ]
                 */
                campaign_id?: string[];
                /**
                 * @description only these currencies; a comma list, an empty value means absent, \, is a comma in a value
                 * @example [
                 *       "USD"
                 *     ]
                 */
                currency?: string[];
                /**
                 * @description only the reasons of these publishers; totals stay whole; a comma list, an empty value means absent, \, is a comma in a value
                 * @example [
                 *       "pub-3"
                 *     ]
                 */
                publisher_id?: string[];
                /**
                 * @description only these reasons; totals stay whole; a comma list, an empty value means absent, \, is a comma in a value
                 * @example [
                 *       "fast_click"
                 *     ]
                 */
                reason?: string[];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FraudSummary"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Acceptable */
            406: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getVerdicts: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description the event_id
                 * @example c-17
                 */
                event_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Verdicts"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Acceptable */
            406: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listAlerts: {
        parameters: {
            query?: {
                /**
                 * @description only these severities; a comma list, an empty value means absent, \, is a comma in a value
                 * @example [
                 *       "critical"
                 *     ]
                 */
                severity?: ("critical" | "warning" | "info")[];
                /**
                 * @description only these kinds; a comma list, an empty value means absent, \, is a comma in a value
                 * @example [
                 *       "campaign_stopped"
                 *     ]
                 */
                kind?: ("not_ready" | "intake_paused" | "watermark_lag" | "input_stopped" | "input_failing" | "sink_down" | "sink_behind" | "disk_filling" | "dead_letters" | "late_events" | "conversions_stopped" | "invalid_spike" | "spend_without_conversions" | "campaign_stopped")[];
                /**
                 * @description only alerts of these campaigns; a comma list, an empty value means absent, \, is a comma in a value
                 * @example [
                 *       "spring-sale"
                 *     ]
                 */
                campaign_id?: string[];
                /**
                 * @description rows in an answer, 1 to 1000
                 * @example 20
                 */
                limit?: number;
                /** @description next_cursor of the answer before */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Alerts"];
                    "text/csv": string;
                    "application/x-ndjson": string;
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Acceptable */
            406: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listLateEvents: {
        parameters: {
            query?: {
                /**
                 * @description start of the range, included: an RFC 3339 time such as 2025-01-31T14:00:00Z, "now", or a span before now such as -1h or -7d; without from and to, all that is kept
                 * @example -24h
                 */
                from?: string;
                /**
                 * @description end of the range, not included: like from
                 * @example now
                 */
                to?: string;
                /**
                 * @description rows in an answer, 1 to 1000
                 * @example 20
                 */
                limit?: number;
                /** @description next_cursor of the answer before */
                cursor?: string;
                /**
                 * @description only these types; a comma list, an empty value means absent, \, is a comma in a value
                 * @example [
                 *       "click"
                 *     ]
                 */
                type?: string[];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LateEvents"];
                    "text/csv": string;
                    "application/x-ndjson": string;
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Acceptable */
            406: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listDeadLetters: {
        parameters: {
            query?: {
                /**
                 * @description rows in an answer, 1 to 1000
                 * @example 20
                 */
                limit?: number;
                /** @description next_cursor of the answer before */
                cursor?: string;
                /**
                 * @description only these codes; a comma list, an empty value means absent, \, is a comma in a value
                 * @example [
                 *       "bad_time"
                 *     ]
                 */
                code?: ("too_large" | "malformed" | "missing_field" | "bad_field" | "bad_time" | "bad_money" | "future_event_time" | "bad_adjustment")[];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeadLetters"];
                    "text/csv": string;
                    "application/x-ndjson": string;
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Acceptable */
            406: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    erasePerson: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Erasure"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Acceptable */
            406: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getSession: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Identity"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Acceptable */
            406: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getPipeline: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Pipeline"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Acceptable */
            406: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    live: {
        parameters: {
            query?: {
                /**
                 * @description channels to subscribe to at once, a comma list; their parameters stand beside it, each goes to the channels that know it
                 * @example [
                 *       "kpis",
                 *       "campaigns"
                 *     ]
                 */
                ch?: ("kpis" | "series" | "campaigns" | "attribution" | "conversions" | "alerts" | "paths" | "fraud" | "health")[];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": string;
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Acceptable */
            406: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    liveEvents: {
        parameters: {
            query?: {
                /**
                 * @description channels to subscribe to at once, a comma list; their parameters stand beside it, each goes to the channels that know it
                 * @example [
                 *       "kpis",
                 *       "campaigns"
                 *     ]
                 */
                ch?: ("kpis" | "series" | "campaigns" | "attribution" | "conversions" | "alerts" | "paths" | "fraud" | "health")[];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": string;
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Acceptable */
            406: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    exportTable: {
        parameters: {
            query?: {
                /**
                 * @description start of the range, included: an RFC 3339 time such as 2025-01-31T14:00:00Z, "now", or a span before now such as -1h or -7d; without from and to, all that is kept
                 * @example -24h
                 */
                from?: string;
                /**
                 * @description end of the range, not included: like from
                 * @example now
                 */
                to?: string;
                /** @description of the rows */
                format?: "ndjson" | "csv" | "parquet";
                /** @description of the whole answer; none with parquet, which is compressed within */
                compression?: "none" | "gzip" | "zstd";
            };
            header?: never;
            path: {
                /**
                 * @description the table
                 * @example conversions
                 */
                table: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/x-ndjson": components["schemas"]["ExportedRows"];
                    "text/csv": components["schemas"]["ExportedRows"];
                    "application/vnd.apache.parquet": components["schemas"]["ExportedRows"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Acceptable */
            406: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listExports: {
        parameters: {
            query?: {
                /**
                 * @description rows in an answer, 1 to 1000
                 * @example 20
                 */
                limit?: number;
                /** @description next_cursor of the answer before */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Exports"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Acceptable */
            406: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    createExport: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ExportRequest"];
            };
        };
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ExportJob"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Acceptable */
            406: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too Many Requests */
            429: {
                headers: {
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getExport: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description the id of the job
                 * @example 20260115-120000-k7qd2mzt
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ExportJob"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Acceptable */
            406: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    deleteExport: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description the id of the job
                 * @example 20260115-120000-k7qd2mzt
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ExportRemoved"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Acceptable */
            406: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    downloadExport: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description the id of the job
                 * @example 20260115-120000-k7qd2mzt
                 */
                id: string;
                /**
                 * @description the file
                 * @example conversions.parquet
                 */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/x-ndjson": components["schemas"]["ExportedRows"];
                    "text/csv": components["schemas"]["ExportedRows"];
                    "application/vnd.apache.parquet": components["schemas"]["ExportedRows"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Acceptable */
            406: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listSinks: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SinkStates"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Acceptable */
            406: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    reconcileSink: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description the sink, as its section is called
                 * @example clickhouse
                 */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Reconciliation"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Acceptable */
            406: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    resyncSink: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description the sink, as its section is called
                 * @example clickhouse
                 */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SinkResync"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Acceptable */
            406: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listBackups: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Backups"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Acceptable */
            406: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    createBackup: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["BackupRequest"];
            };
        };
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Backup"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Acceptable */
            406: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too Many Requests */
            429: {
                headers: {
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getOpenAPI: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
        };
    };
    livez: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
        };
    };
    readyz: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            /** @description the answer */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
        };
    };
    metrics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": unknown;
                };
            };
        };
    };
}
