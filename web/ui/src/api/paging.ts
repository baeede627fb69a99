// Lists that are read page by page.
import { useInfiniteQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { get, type Params } from "./client";
import type { Page } from "./types";

export function usePages<T>(path: string, params: Params) {
  const q = useInfiniteQuery({
    queryKey: [path, params, "pages"],
    initialPageParam: "",
    queryFn: ({ pageParam, signal }) => get<Page<T>>(path, pageParam ? { ...params, cursor: pageParam } : params, signal),
    getNextPageParam: (last) => last.next_cursor ?? undefined,
  });
  const rows = useMemo(() => q.data?.pages.flatMap((p) => p.data) ?? [], [q.data]);
  return { ...q, data: q.data ? rows : undefined };
}

export type Pages<T> = ReturnType<typeof usePages<T>>;
